//! What rooms remember: the last events of each type, and what they have forgotten.
//!
//! Owns retention (how many events of a type, how many rooms), pages, and the arithmetic of recovery. Pure: no clock,
//! no task, no network; the least recently used room is known by counting. Who may read a history, and who is told
//! of evicted events, is the runtime's business.
//!
//! [`manager`] is the handle and its lock, [`store`] the rooms and which of them go, [`room_log`] what is kept of one
//! room, [`recency`] the order in which rooms were used.

mod exchange;
mod manager;
mod recency;
mod room_log;
mod store;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use exchange::{EvictedHistory, HistoryQuery};
pub use manager::{HistoryConfig, HistoryManager};

use crate::id::{EventName, RoomId};

/// An event as it is kept: encoded once, so that replies splice it in and live frames can share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    /// The event's name.
    pub(crate) event: EventName,
    /// Its number in the room; `None` for what was pushed by hand, which is no part of recovery.
    pub(crate) seq: Option<u64>,
    /// The JSON text of its [`EventMessage`](crate::EventMessage).
    pub(crate) body: Bytes,
}

/// An event that is no longer kept, and where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evicted {
    pub(crate) room: RoomId,
    pub(crate) entry: StoredEvent,
}

/// How much one answer may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// At most so many events.
    pub(crate) events: usize,
    /// At most so many bytes of bodies, separators not counted.
    pub(crate) bytes: usize,
}

impl Bounds {
    /// No bounds, for callers in the same process.
    pub(crate) const NONE: Self = Self {
        events: usize::MAX,
        bytes: usize::MAX,
    };
}

/// Where a page begins and how long it is asked to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cursor {
    /// By distance from the newest event, which is 0; `end` is exclusive. Shifts as events arrive.
    Index { start: usize, end: usize },
    /// Numbered events older than `seq`; what arrives meanwhile does not shift it.
    Before { seq: u64, limit: usize },
}

impl Cursor {
    /// How many events are asked for.
    pub(crate) fn span(self) -> usize {
        match self {
            Self::Index { start, end } => end.saturating_sub(start),
            Self::Before { limit, .. } => limit,
        }
    }
}

/// One page of an event type's history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Page {
    /// Newest first.
    pub(crate) events: Vec<StoredEvent>,
    /// Whether older events are in memory.
    pub(crate) more: bool,
}

/// What a client that comes back can be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// Everything it was due, oldest first.
    Recovered(Vec<StoredEvent>),
    /// Something that it was due is gone, or all of it is more than the bounds allow.
    Lost,
}
