//! An event that somebody wants to publish, and why it may be rejected.

use serde_json::{Map, Value};

use crate::delivery::TriggerError;
use crate::hook::{HookError, HookFailure};
use crate::id::{EventName, UserId};
use crate::limit_exceeded::LimitExceeded;
use crate::schema::Violation;
use crate::store_failure::StoreFailure;

/// An event that somebody wants to publish.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) event: EventName,
    pub(crate) data: Value,
    pub(crate) from: UserId,
    pub(crate) meta: Option<Map<String, Value>>,
    /// Milliseconds since the Unix epoch; now, if `None`.
    pub(crate) timestamp: Option<u64>,
}

/// Why an event was rejected.
#[derive(Debug)]
pub(crate) enum Rejected {
    NoSuchRoom,
    NotAllowed,
    /// `authorize` refused or failed.
    Forbidden(HookError),
    Invalid(Vec<Violation>),
    /// `before_each` refused or failed.
    Blocked(HookError),
    /// `before_each` changed the event's name.
    Renamed(HookFailure),
    LimitExceeded(LimitExceeded),
    /// The client is not (or no longer) a member of the room.
    NotInRoom,
    /// The store has not accepted it: nothing is stored.
    NotAccepted(StoreFailure),
    /// The store may have it.
    Unknown(StoreFailure),
    /// It repeats an event of an earlier run, and the store may have forgotten its key.
    Forgotten,
    Stopped,
}

impl From<LimitExceeded> for Rejected {
    fn from(exceeded: LimitExceeded) -> Self {
        Self::LimitExceeded(exceeded)
    }
}

impl Rejected {
    /// The error of the server's trigger.
    pub(crate) fn into_trigger_error(self, room: &str, event: &EventName) -> TriggerError {
        let event = event.clone();
        match self {
            Self::NoSuchRoom | Self::NotInRoom => TriggerError::NoSuchRoom { room: room.into() },
            Self::NotAllowed => TriggerError::NotAllowed {
                room: room.into(),
                event,
            },
            Self::Invalid(violations) => TriggerError::Invalid { event, violations },
            Self::Blocked(error) | Self::Forbidden(error) => match error {
                HookError::Refused(refusal) => TriggerError::Refused(refusal),
                HookError::Failed(failure) => TriggerError::HookFailed(failure),
            },
            Self::Renamed(failure) => TriggerError::HookFailed(failure),
            Self::LimitExceeded(exceeded) => exceeded.into(),
            Self::NotAccepted(failure) => TriggerError::NotAccepted(failure),
            Self::Unknown(failure) => TriggerError::Unknown(failure),
            Self::Forgotten => TriggerError::Unknown(StoreFailure::Failed {
                reason: "it has forgotten the key".to_owned(),
            }),
            Self::Stopped => TriggerError::Stopped,
        }
    }
}
