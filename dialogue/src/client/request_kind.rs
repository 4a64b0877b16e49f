//! The kind of a request. The session keeps it to interpret the answer.

use crate::id::{EventName, RoomId};
use crate::protocol::Command;

/// The kind of a request. The session still needs it after it has encoded the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// A join that the application requested.
    Join {
        room: RoomId,
        /// Whether the join names subscriptions.
        subscribes: bool,
    },
    /// A join that the client sends on its own, to return to a room.
    Rejoin(RoomId),
    Leave(RoomId),
    Subscribe(RoomId, EventName),
    SubscribeAll(RoomId),
    Unsubscribe(RoomId, EventName),
    Trigger {
        room: RoomId,
        keyed: bool,
        /// Whether the client has already sent this trigger, on another connection.
        repeats: bool,
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
                subscribes: join.subscriptions.is_some(),
            },
            Command::Leave { room_id } => Self::Leave(room_id.clone()),
            Command::Subscribe { room_id, event } => Self::Subscribe(room_id.clone(), event.clone()),
            Command::SubscribeAll { room_id } => Self::SubscribeAll(room_id.clone()),
            Command::Unsubscribe { room_id, event } => Self::Unsubscribe(room_id.clone(), event.clone()),
            Command::Trigger(trigger) => Self::Trigger {
                room: trigger.room_id.clone(),
                keyed: trigger.key.is_some(),
                repeats: false,
            },
            Command::History(history) => Self::History(history.room_id.clone()),
            Command::ListRooms { .. } => Self::Rooms,
            Command::CreateRoom { .. } => Self::CreateRoom,
            Command::DeleteRoom { .. } => Self::DeleteRoom,
            Command::Ping => Self::Ping,
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
