//! What rooms remember: the last events of each type, and what they have forgotten.
//!
//! Owns retention (how many events of a type, how many rooms), pages, and the arithmetic of recovery. Pure: no clock,
//! no task, no network; the least recently used room is known by counting. Who may read a history, and who is told
//! of evicted events, is the runtime's business.
//!
//! [`manager`] is the handle and its lock, [`store`] the rooms and which of them go, [`room_log`] what is kept of one
//! room, [`recency`] the order in which rooms were used.

pub(crate) mod archive_queue;
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

/// How much a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LogSize {
    /// Rooms whose events are kept.
    pub(crate) rooms: usize,
    /// Events, in all rooms together.
    pub(crate) events: usize,
    /// Bytes of their texts.
    pub(crate) bytes: usize,
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

    /// How many of the newest events it passes over.
    pub(crate) fn skipped(self) -> usize {
        match self {
            Self::Index { start, .. } => start,
            Self::Before { .. } => 0,
        }
    }

    /// The number that all of them are below, if it is one's own.
    pub(crate) fn below(self) -> Option<u64> {
        match self {
            Self::Index { .. } => None,
            Self::Before { seq, .. } => Some(seq),
        }
    }

    /// The same for at most so many events.
    pub(crate) fn at_most(self, events: usize) -> Self {
        match self {
            Self::Index { start, end } => Self::Index {
                start,
                end: end.min(start.saturating_add(events)),
            },
            Self::Before { seq, limit } => Self::Before {
                seq,
                limit: limit.min(events),
            },
        }
    }

    /// What is still to be found among older events, after `newer` ones of which it has `found`.
    pub(crate) fn beyond(self, newer: usize, found: usize) -> Self {
        match self {
            Self::Index { start, end } => Self::Index {
                start: start.saturating_sub(newer),
                end: end.saturating_sub(newer),
            },
            Self::Before { seq, limit } => Self::Before {
                seq,
                limit: limit.saturating_sub(found),
            },
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

/// How far back some events of a type go.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reach {
    /// How many they are.
    pub(crate) count: usize,
    /// The lowest number among them.
    pub(crate) lowest: Option<u64>,
}

impl Reach {
    /// That of events which come oldest first.
    pub(crate) fn of<'a>(mut oldest_first: impl ExactSizeIterator<Item = &'a StoredEvent>) -> Self {
        Self {
            count: oldest_first.len(),
            lowest: oldest_first.find_map(|stored| stored.seq),
        }
    }
}

/// What a client that comes back can be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// Everything it was due, oldest first.
    Recovered(Vec<StoredEvent>),
    /// Something that it was due is gone, or all of it is more than the bounds allow.
    Lost,
}
