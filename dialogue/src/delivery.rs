//! What becomes of a trigger: its delivery, or why there was none.

use crate::id::{EventName, RoomId};
use crate::schema::Violation;

/// What a trigger came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// How many clients of this node the event was queued for. A client that is cut before it has read its queue does
    /// not get it, and can recover it if the event has history.
    pub recipients: usize,
    /// The event's number in the room's history; `None` for an event without history.
    pub seq: Option<u64>,
}

impl Delivery {
    pub(crate) const fn new(recipients: usize, seq: Option<u64>) -> Self {
        Self { recipients, seq }
    }
}

/// Why a trigger came to nothing: no client and no handler has seen the event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TriggerError {
    /// There is no room of this id.
    #[error("there is no room `{room}`")]
    NoSuchRoom {
        /// The room's id.
        room: RoomId,
    },
    /// The room does not allow the event; known only at run time for a `RoomHandle`.
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
        /// All that is wrong with it.
        violations: Vec<Violation>,
    },
    /// `before_each` refused it, panicked or took too long.
    #[error("blocked: {reason}")]
    Blocked {
        /// What the hook said.
        reason: String,
    },
    /// It is over a limit.
    #[error("over a limit: {reason}")]
    Limited {
        /// Which limit.
        reason: String,
    },
    /// The server has been stopped.
    #[error("the server has stopped")]
    Stopped,
}

fn list(violations: &[Violation]) -> String {
    let texts: Vec<_> = violations.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
