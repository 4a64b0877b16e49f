//! The kind of a request. The session keeps it to interpret the answer.

use std::collections::BTreeSet;

use crate::id::{EventName, RoomId};
use crate::protocol::{Command, SubscriptionList, TriggerCommand};

/// How many exceptions from the wildcard a join may name. The client unsubscribes from further ones one by one.
pub(super) const MAX_EXCEPTIONS: usize = 1_000;

/// The kind of a request. The session still needs it after it has encoded the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// A join that the application requested.
    Join {
        room: RoomId,
        /// The subscriptions that the application names.
        wanted: Option<SubscriptionList>,
        /// The subscriptions and exceptions that the request names: those of the other handles, too.
        merged: Option<(SubscriptionList, BTreeSet<EventName>)>,
    },
    /// A join that the client sends on its own, to return to a room.
    Rejoin(RoomId),
    Leave(RoomId),
    /// Leaves a room that nobody in the program holds.
    LeaveUnwanted(RoomId),
    Subscribe(RoomId, EventName),
    SubscribeAll(RoomId),
    Unsubscribe(RoomId, EventName),
    Trigger {
        room: RoomId,
        keyed: bool,
        /// Whether an earlier attempt of this trigger may have been carried out.
        repeats: bool,
        /// The event of a volatile trigger: a newer one of the same event replaces it until it is sent.
        volatile: Option<EventName>,
    },
    History(RoomId),
    Rooms,
    CreateRoom,
    DeleteRoom,
    /// A `connect` on a live connection.
    Renewal,
    Ping,
}

impl RequestKind {
    pub(super) fn of(command: &Command) -> Self {
        match command {
            Command::Connect(_) => Self::Renewal,
            Command::Join(join) => Self::Join {
                room: join.room_id.clone(),
                wanted: join.subscriptions.clone(),
                merged: None,
            },
            Command::Leave { room_id } => Self::Leave(room_id.clone()),
            Command::Subscribe { room_id, event } => Self::Subscribe(room_id.clone(), event.clone()),
            Command::SubscribeAll { room_id } => Self::SubscribeAll(room_id.clone()),
            Command::Unsubscribe { room_id, event } => Self::Unsubscribe(room_id.clone(), event.clone()),
            Command::Trigger(trigger) => Self::Trigger {
                room: trigger.room_id.clone(),
                keyed: trigger.key.is_some(),
                repeats: false,
                volatile: None,
            },
            Command::History(history) => Self::History(history.room_id.clone()),
            Command::ListRooms { .. } => Self::Rooms,
            Command::CreateRoom { .. } => Self::CreateRoom,
            Command::DeleteRoom { .. } => Self::DeleteRoom,
            Command::Ping => Self::Ping,
        }
    }

    /// The kind of a volatile trigger.
    pub(super) fn volatile(trigger: &TriggerCommand) -> Self {
        Self::Trigger {
            room: trigger.room_id.clone(),
            keyed: false,
            repeats: false,
            volatile: Some(trigger.event.clone()),
        }
    }

    /// Whether a request of this kind and another one are volatile triggers of the same event, so that the newer one
    /// replaces the other.
    pub(super) fn replaces(&self, other: &Self) -> bool {
        matches!(self, Self::Trigger { volatile: Some(_), .. }) && self == other
    }

    /// Whether the same request is sent again if it came too early. A rejoin names the position that the client has
    /// then, so it is made anew. A refused ping shows as much as an answered one.
    pub(super) fn is_repeated_if_too_early(&self) -> bool {
        !matches!(self, Self::Rejoin(_) | Self::Ping)
    }

    /// The room that the application joins or the client leaves with this request.
    pub(super) fn moves(&self) -> Option<&RoomId> {
        match self {
            Self::Join { room, .. } | Self::Leave(room) | Self::LeaveUnwanted(room) => Some(room),
            _ => None,
        }
    }

    /// The room that the application joins with this request.
    pub(super) fn joined_room(&self) -> Option<&RoomId> {
        match self {
            Self::Join { room, .. } => Some(room),
            _ => None,
        }
    }

    /// The room whose triggers are sent in their order, if this is one of them.
    pub(super) fn ordered_room(&self) -> Option<&RoomId> {
        match self {
            Self::Trigger {
                room, volatile: None, ..
            } => Some(room),
            _ => None,
        }
    }

    /// The room of a request that only a member may make. `None` for other requests.
    pub(super) fn room(&self) -> Option<&RoomId> {
        match self {
            Self::Leave(room)
            | Self::Subscribe(room, _)
            | Self::SubscribeAll(room)
            | Self::Unsubscribe(room, _)
            | Self::Trigger { room, .. }
            | Self::History(room) => Some(room),
            _ => None,
        }
    }
}
