//! Pages of a type's events: which events are asked for, and the answer.

use super::bounds::{Budget, LogBounds};
use super::event::StoredEvent;

/// Where a page begins and how long it is asked to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LogCursor {
    /// By distance from the newest event, which is 0; `end` is exclusive. Shifts as events arrive.
    Index { start: usize, end: usize },
    /// Numbered events older than `seq`; what arrives meanwhile does not shift it.
    Before { seq: u64, limit: usize },
}

impl LogCursor {
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
pub(crate) struct LogPage {
    /// Newest first.
    pub(crate) events: Vec<StoredEvent>,
    /// Whether older events are in memory.
    pub(crate) more: bool,
}

impl LogPage {
    /// One page of events of a type, which come newest first. Unless none was asked for, it holds at least one event if there
    /// is one, however large, so that a reader gets past it.
    pub(crate) fn of<'a>(
        newest_first: impl Iterator<Item = &'a StoredEvent>,
        cursor: LogCursor,
        bounds: LogBounds,
    ) -> Self {
        let below = cursor.below();
        let due = newest_first
            .skip(cursor.skipped())
            .filter(|stored| below.is_none_or(|below| stored.seq.is_some_and(|seq| seq < below)));
        let (mut page, mut budget) = (Self::default(), Budget::new(bounds));
        for stored in due {
            let fits = budget.spend(stored) || page.events.is_empty();
            if page.events.len() == cursor.span() || !fits {
                page.more = true;
                break;
            }
            page.events.push(stored.clone());
        }
        page
    }
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
