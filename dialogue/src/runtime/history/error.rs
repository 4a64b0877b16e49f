//! Why history could not be loaded, or events could not be erased.

use crate::hook::{HookError, HookFailure, Refusal};
use crate::limit_exceeded::LimitExceeded;
use crate::log::StoreFailure;
use crate::runtime::rooms::load::RoomUnavailable;

/// Why history that memory no longer keeps could not be loaded.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// `load_history` refused.
    #[error("loading older history was refused")]
    Refused(#[source] Refusal),
    /// `load_history` failed: it returned an error that is not a refusal, panicked or timed out.
    #[error("`load_history` failed")]
    HookFailed(#[source] HookFailure),
    /// The store cannot read its events now. A later attempt may succeed.
    #[error("the store cannot read the history")]
    Store(#[from] StoreFailure),
    /// Hooks and handlers call each other too deeply ([`Limits::handler_depth`](crate::Limits::handler_depth)), or the room
    /// is idle and the server already has [`Limits::max_rooms`](crate::Limits::max_rooms) rooms.
    #[error(transparent)]
    LimitExceeded(#[from] LimitExceeded),
}

/// Why events could not be erased.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EraseError {
    /// The store failed. It may have erased some of the events. Erase again: that changes nothing for these.
    #[error("the store could not erase the events")]
    Store(#[from] StoreFailure),
}

impl From<RoomUnavailable> for HistoryError {
    fn from(not_loaded: RoomUnavailable) -> Self {
        match not_loaded {
            RoomUnavailable::Store(failure) => Self::Store(failure),
            RoomUnavailable::LimitExceeded(exceeded) => exceeded.into(),
        }
    }
}

impl From<HookError> for HistoryError {
    fn from(error: HookError) -> Self {
        match error {
            HookError::Refused(refusal) => Self::Refused(refusal),
            HookError::Failed(failure) => Self::HookFailed(failure),
        }
    }
}
