//! The answer to a client that reconnects.

use super::event::StoredEvent;

/// The events after a client's position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Replay {
    /// All of it, oldest first.
    Complete(Vec<StoredEvent>),
    /// Some of it is gone, or it is more than the bounds allow.
    Lost,
}
