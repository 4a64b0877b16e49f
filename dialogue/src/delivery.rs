//! The outcome of a trigger: its delivery, or the reason why there was none.

use crate::hook::{HookError, HookFailure, HookOutcome, Refusal};
use crate::id::{EventName, RoomId};
use crate::limit_exceeded::LimitExceeded;
use crate::schema::Violation;
use crate::schema::violation::list;
use crate::store_failure::StoreFailure;

/// The outcome of a successful trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// How many clients of this node the event was queued for. A client that is disconnected before it has read its
    /// queue does not receive the event. It can recover the event if the event has history.
    pub recipients: usize,
    /// The event's number in the room's history; `None` for an event without history.
    pub seq: Option<u64>,
}

impl Delivery {
    pub(crate) const fn new(recipients: usize, seq: Option<u64>) -> Self {
        Self { recipients, seq }
    }
}

/// Why a trigger failed. No client and no handler has received the event, except perhaps after [`Unknown`](Self::Unknown).
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TriggerError {
    /// No room has this id, or the room of this handle has been deleted.
    #[error("there is no room `{room}`")]
    NoSuchRoom {
        /// The room's id.
        room: RoomId,
    },
    /// The room does not allow the event. For a `RoomHandle`, this is known only at run time.
    #[error("room `{room}` does not allow event `{event}`")]
    NotAllowed {
        /// The room's id.
        room: RoomId,
        /// The event's name.
        event: EventName,
    },
    /// The data does not satisfy the event's schema.
    #[error("the data of event `{event}` is invalid: {}", list(violations))]
    Invalid {
        /// The event's name.
        event: EventName,
        /// Everything that is wrong with the data.
        violations: Vec<Violation>,
    },
    /// `before_each` refused the event.
    #[error("the event was refused")]
    Refused(#[source] Refusal),
    /// `before_each` failed: it returned an error that is not a refusal, panicked or timed out.
    #[error("`before_each` failed")]
    HookFailed(#[source] HookFailure),
    /// The event is too large, or hooks and handlers trigger each other too deeply
    /// ([`Limits::handler_depth`](crate::Limits::handler_depth)).
    #[error(transparent)]
    LimitExceeded(#[from] LimitExceeded),
    /// The store has not accepted the event: it fails, is overloaded, or did not begin within
    /// [`Limits::append_deadline`](crate::Limits::append_deadline). The event is not stored, and a later trigger may succeed.
    #[error("the store has not accepted the event")]
    NotAccepted(#[source] StoreFailure),
    /// The store has begun to store the event, and has not said within
    /// [`Limits::append_deadline`](crate::Limits::append_deadline) whether it has. If it has, clients and handlers receive the
    /// event, perhaps later. If you trigger it again, they may receive it twice.
    #[error("the store does not say whether the event is stored")]
    Unknown(#[source] StoreFailure),
    /// The server has stopped.
    #[error("the server has stopped")]
    Stopped,
}

/// A handler may return the result of a trigger as it is.
impl HookOutcome for Result<Delivery, TriggerError> {
    fn into_result(self) -> Result<(), HookError> {
        self?;
        Ok(())
    }
}
