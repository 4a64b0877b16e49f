//! What a client may ask: a request and its command.

use serde_json::{Map, Value};

use crate::id::{EventName, RoomId};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::subscriptions::SubscriptionList;

/// The version of the protocol that this server speaks.
pub(crate) const PROTOCOL: u64 = 1;

/// A client's frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// Echoed in the reply.
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
    /// If it is not [`PROTOCOL`], the other fields have not been read: another version may mean something else by them.
    pub(crate) protocol: u64,
    /// Whatever the application's `authenticate` understands; `null` if absent.
    pub(crate) auth: Value,
    /// The secret by which a client shows which connection it succeeds.
    pub(crate) resume: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JoinCommand {
    pub(crate) room_id: RoomId,
    /// `None`: the room's default, or what the member has already.
    pub(crate) subscriptions: Option<SubscriptionList>,
    /// Where the client was when it was last in the room.
    pub(crate) since: Option<LogPosition>,
}

/// A position in a room's history.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogPosition {
    pub(crate) epoch: String,
    pub(crate) seq: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TriggerCommand {
    pub(crate) room_id: RoomId,
    pub(crate) event: EventName,
    /// `null` if absent.
    pub(crate) data: Value,
    pub(crate) meta: Option<Map<String, Value>>,
    /// Names the event, so that a repetition is known for one. 1 to 128 bytes.
    pub(crate) key: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HistoryCommand {
    pub(crate) room_id: RoomId,
    pub(crate) event: EventName,
    pub(crate) cursor: HistoryCursor,
}

/// Which part of a history is wanted, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HistoryCursor {
    /// By index from the newest event, `end` not included and never below `start`. Shifts with each new event.
    Index { start: u64, end: u64 },
    /// The events before a `seq`, at most `limit` of them and at least one. Does not shift.
    Before { seq: u64, limit: u64 },
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

/// A frame that is answered with an error without asking anyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RejectedRequest {
    /// The request's `id` if the frame is one JSON object with an integer there, whatever else is wrong with it.
    pub(crate) id: Option<i64>,
    /// `INVALID_REQUEST` for what is malformed; `ROOM_NOT_FOUND`, `EVENT_NOT_ALLOWED` and `LIMIT_EXCEEDED` for what is
    /// well-formed and can never succeed.
    pub(crate) code: ErrorCode,
    /// For people; short, whatever was sent.
    pub(crate) message: String,
}
