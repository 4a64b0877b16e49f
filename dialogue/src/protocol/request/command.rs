//! The requests of a client, and their commands.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::id::{ClientId, EventName, RoomId};
use crate::protocol::subscriptions::SubscriptionList;

/// The version of the protocol that this server supports.
pub(crate) const PROTOCOL: u64 = 1;

/// A client's frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// The reply repeats it.
    pub(crate) id: Option<i64>,
    pub(crate) command: Command,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    Connect(ConnectCommand),
    Join(JoinCommand),
    Leave { room_id: RoomId },
    Subscribe { room_id: RoomId, event: EventName },
    Unsubscribe { room_id: RoomId, event: EventName },
    SubscribeAll { room_id: RoomId },
    Trigger(TriggerCommand),
    History(HistoryCommand),
    ListRooms { after: Option<RoomId> },
    CreateRoom { room: NewRoom },
    DeleteRoom { room_id: RoomId },
    Ping,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConnectCommand {
    /// If it isn't [`PROTOCOL`], the other fields are not read, because they may mean something else in another version.
    pub(crate) protocol: u64,
    /// Any value that the application's `authenticate` hook understands. It is `null` if the field is absent.
    pub(crate) auth: Value,
    /// The secret of an earlier connection. It shows that this connection succeeds the earlier one.
    pub(crate) resume: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JoinCommand {
    pub(crate) room_id: RoomId,
    /// With `None`, a member keeps its subscriptions, and a new member gets the room's default.
    pub(crate) subscriptions: Option<SubscriptionList>,
    /// The events that the wildcard does not cover. Empty without a wildcard.
    pub(crate) except: BTreeSet<EventName>,
    /// The client's position when it was last in the room.
    pub(crate) since: Option<LogPosition>,
    /// Whether the client wants to learn which events are erased. With `None`, a member keeps what it has asked for, and a
    /// new member does not learn it.
    pub(crate) erasures: Option<bool>,
}

/// A position in a room's log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogPosition {
    pub(crate) epoch: String,
    pub(crate) seq: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TriggerCommand {
    pub(crate) room_id: RoomId,
    pub(crate) event: EventName,
    /// It is `null` if the field is absent.
    pub(crate) data: Value,
    pub(crate) meta: Option<Map<String, Value>>,
    /// An idempotency key: the server executes a repeated trigger with the same key once. 1 to 128 bytes.
    pub(crate) key: Option<String>,
    /// Present if the client repeats a trigger whose outcome it does not know. Only with a `key`.
    pub(crate) repeats: Option<FirstAttempt>,
}

/// The first attempt of a trigger that a client repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FirstAttempt {
    /// The connection on which the client first sent it.
    pub(crate) client_id: ClientId,
    /// The room's epoch, as the client knew it then.
    pub(crate) epoch: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HistoryCommand {
    pub(crate) room_id: RoomId,
    pub(crate) event: EventName,
    pub(crate) cursor: HistoryCursor,
}

/// The part of a history that the client asks for. The newest event comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HistoryCursor {
    /// A range of indexes, counted from the newest event. `end` is exclusive and never below `start`. The indexes shift
    /// with each new event.
    Index { start: u64, end: u64 },
    /// The events before a `seq`: at most `limit` of them, which is at least 1. They do not shift.
    Before { seq: u64, limit: u64 },
    /// Events without a number, which are older than all others, after the first `skip` of them.
    Unnumbered { skip: u64, limit: u64 },
}

/// The fields of a request that continues a page whose last event has no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct NextPage {
    pub(crate) before: u64,
    pub(crate) skip: u64,
}

impl NextPage {
    /// The events without a number, after the first `skip` of them. They are older than all others.
    #[cfg(feature = "runtime")]
    pub(crate) fn unnumbered(skip: u64) -> Self {
        Self { before: 1, skip }
    }
}

/// A room that a client wants to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewRoom {
    pub(crate) id: RoomId,
    /// 1 to 256 bytes.
    pub(crate) name: Option<String>,
    /// 1 to 2,048 bytes.
    pub(crate) description: Option<String>,
    /// At least 1.
    pub(crate) max_size: Option<usize>,
}
