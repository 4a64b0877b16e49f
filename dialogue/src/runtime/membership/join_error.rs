//! Why a client cannot join a room, or change its subscriptions there.

use crate::id::{EventName, RoomId};

/// Why a client cannot join a room, or change its subscriptions there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// No room has this id.
    #[error("there is no room `{room}`")]
    NoSuchRoom {
        /// The room's id.
        room: RoomId,
    },
    /// Every seat of the room is taken.
    #[error("the room is full")]
    Full,
    /// `before_join` refused, failed, panicked or timed out.
    #[error("joining was denied: {reason}")]
    Denied {
        /// The reason that the hook gave.
        reason: String,
    },
    /// The client is not a member of the room.
    #[error("the client is not in the room")]
    NotInRoom,
    /// The room does not have this event.
    #[error("the room has no event `{event}`")]
    NoSuchEvent {
        /// The event's name.
        event: EventName,
    },
    /// The client has too many rooms or subscriptions, or the server has too many rooms.
    #[error("over a limit: {reason}")]
    Limited {
        /// Which limit.
        reason: String,
    },
    /// The client's connection has ended.
    #[error("the client is no longer connected")]
    Disconnected,
}
