//! Pages of one type's events: the question and the answer.

use super::bounds::{Budget, LogBounds};
use super::event::StoredEvent;

/// Where a page begins, and how many events it should have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LogCursor {
    /// By distance from the newest event, which is 0. `end` is exclusive. New events shift the page.
    Index { start: usize, end: usize },
    /// Numbered events older than `seq`. New events do not shift the page.
    Before { seq: u64, limit: usize },
    /// Events without a number, after the first `skip` of them.
    Unnumbered { skip: usize, limit: usize },
}

impl LogCursor {
    /// How many events the page should have.
    pub(crate) fn span(self) -> usize {
        match self {
            Self::Index { start, end } => end.saturating_sub(start),
            Self::Before { limit, .. } | Self::Unnumbered { limit, .. } => limit,
        }
    }

    /// How many of the newest events that it wants it skips.
    pub(crate) fn skipped(self) -> usize {
        match self {
            Self::Index { start, .. } => start,
            Self::Before { .. } => 0,
            Self::Unnumbered { skip, .. } => skip,
        }
    }

    /// The number below which all events of the page are, if the cursor has one.
    pub(crate) fn below(self) -> Option<u64> {
        match self {
            Self::Index { .. } => None,
            Self::Before { seq, .. } => Some(seq),
            // Rooms number from 1.
            Self::Unnumbered { .. } => Some(1),
        }
    }

    /// Whether an event belongs to the pages of this kind.
    fn wants(self, stored: &StoredEvent) -> bool {
        match self {
            Self::Index { .. } => true,
            Self::Before { seq, .. } => stored.seq.is_some_and(|number| number < seq),
            Self::Unnumbered { .. } => stored.seq.is_none(),
        }
    }

    /// The same cursor for at most `events` events.
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
            Self::Unnumbered { skip, limit } => Self::Unnumbered {
                skip,
                limit: limit.min(events),
            },
        }
    }

    /// The cursor for the rest of the page, which is beyond the `newer` events of its kind that were searched. The page has
    /// `found` events so far.
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
            Self::Unnumbered { skip, limit } => Self::Unnumbered {
                skip: skip.saturating_sub(newer),
                limit: limit.saturating_sub(found),
            },
        }
    }
}

/// One page of an event type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LogPage {
    /// Newest first.
    pub(crate) events: Vec<StoredEvent>,
    /// Whether there are older events here.
    pub(crate) more: bool,
}

impl LogPage {
    /// Takes a page from events of one type, which come newest first. If the cursor wants any event and there is one,
    /// the page has at least one, even if it is larger than the bounds. Otherwise a reader could not get past it.
    pub(crate) fn of<'a>(
        newest_first: impl Iterator<Item = &'a StoredEvent>,
        cursor: LogCursor,
        bounds: LogBounds,
    ) -> Self {
        let due = newest_first
            .filter(|stored| cursor.wants(stored))
            .skip(cursor.skipped());
        let (events, more) = take_page(due, cursor.span(), bounds, |stored| stored.body.len());
        Self {
            events: events.into_iter().cloned().collect(),
            more,
        }
    }
}

/// Takes at most `span` events within the bounds, but at least one if there is one and `span` is not 0. Says whether
/// there are more.
pub(super) fn take_page<T>(
    due: impl Iterator<Item = T>,
    span: usize,
    bounds: LogBounds,
    bytes: impl Fn(&T) -> usize,
) -> (Vec<T>, bool) {
    let (mut page, mut budget) = (Vec::new(), Budget::new(bounds));
    for event in due {
        let fits = budget.spend_bytes(bytes(&event)) || page.is_empty();
        if page.len() == span || !fits {
            return (page, true);
        }
        page.push(event);
    }
    (page, false)
}

/// How far back some events of one type go.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reach {
    /// The number of events.
    pub(crate) count: usize,
    /// The lowest `seq` among them.
    pub(crate) lowest: Option<u64>,
}

impl Reach {
    /// The reach of a cursor's kind of events, which come oldest first.
    pub(crate) fn of_kind<'a>(
        cursor: LogCursor,
        mut oldest_first: impl ExactSizeIterator<Item = &'a StoredEvent>,
    ) -> Self {
        match cursor {
            LogCursor::Unnumbered { .. } => Self {
                count: oldest_first.filter(|stored| stored.seq.is_none()).count(),
                lowest: None,
            },
            _ => Self {
                count: oldest_first.len(),
                lowest: oldest_first.find_map(|stored| stored.seq),
            },
        }
    }
}
