//! Why a client cannot join a room, or change its subscriptions there.

use crate::hook::{HookError, HookFailure, Refusal};
use crate::id::{EventName, RoomId};
use crate::limit_exceeded::LimitExceeded;
use crate::log::StoreFailure;
use crate::runtime::rooms::load::RoomUnavailable;

/// Why a client cannot join a room, or change its subscriptions there.
#[derive(Debug, Clone, thiserror::Error)]
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
    /// `before_join` refused.
    #[error("the join was refused")]
    Refused(#[source] Refusal),
    /// `before_join` failed: it returned an error that is not a refusal, panicked or timed out. A later join may succeed.
    #[error("`before_join` failed")]
    HookFailed(#[source] HookFailure),
    /// The client is not a member of the room.
    #[error("the client is not in the room")]
    NotInRoom,
    /// The room does not have this event.
    #[error("the room has no event `{event}`")]
    NoSuchEvent {
        /// The event's name.
        event: EventName,
    },
    /// The client has too many rooms or subscriptions, the server has too many rooms, or hooks call each other too deeply.
    #[error(transparent)]
    LimitExceeded(#[from] LimitExceeded),
    /// The store cannot read the room's history now. A later join may succeed.
    #[error("the store cannot read the room")]
    Store(#[from] StoreFailure),
    /// The client's connection has ended.
    #[error("the client is no longer connected")]
    Disconnected,
}

impl From<HookError> for JoinError {
    fn from(error: HookError) -> Self {
        match error {
            HookError::Refused(refusal) => Self::Refused(refusal),
            HookError::Failed(failure) => Self::HookFailed(failure),
        }
    }
}

impl From<RoomUnavailable> for JoinError {
    fn from(not_loaded: RoomUnavailable) -> Self {
        match not_loaded {
            RoomUnavailable::Store(failure) => Self::Store(failure),
            RoomUnavailable::LimitExceeded(exceeded) => exceeded.into(),
        }
    }
}
