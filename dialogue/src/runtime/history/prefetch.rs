//! What a join reads from the store before it takes its seat, because the window lacks it.
//!
//! Owns what was read. [`super::replay`] decides what is missing, and puts both together under the room's lock.

use std::collections::HashMap;
use std::sync::Arc;

use crate::id::EventName;
use crate::log::{LogBounds, Replay, StoredEvent};
use crate::room::Subscriptions;

/// The most reads of one join. While a room is so busy that its window moves faster than the store answers, a third one
/// would not help either.
const MOST_READS: usize = 2;

/// What a join must read first.
#[derive(Debug)]
pub(in crate::runtime) struct ReadFirst {
    pub(super) what: Earlier,
    /// The room's epoch. What is read counts in this one only.
    pub(super) epoch: Arc<str>,
    /// The room's last number. The window has what follows.
    pub(super) through: u64,
    pub(super) subscriptions: Subscriptions,
    /// How many times the store had erased events before.
    pub(super) erasures: u64,
}

impl ReadFirst {
    fn is_for(&self, epoch: &str, subscriptions: &Subscriptions) -> bool {
        *self.epoch == *epoch && self.subscriptions == *subscriptions
    }
}

/// Events that the window lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    /// All events after this number.
    Since(u64),
    /// The newest events of each type.
    Newest,
}

/// What a join has read from the store.
#[derive(Debug, Default)]
pub(in crate::runtime) struct ReadAhead {
    /// The latest read of each kind.
    since: Option<Read>,
    newest: Option<Read>,
    reads: usize,
}

#[derive(Debug)]
struct Read {
    first: ReadFirst,
    /// `None` if the store does not have all of it, or if it is too much for one replay.
    found: Option<ReadEvents>,
}

/// Events from the store, oldest first.
#[derive(Debug)]
pub(super) struct ReadEvents {
    pub(super) events: Vec<StoredEvent>,
    /// The last number that was looked at.
    pub(super) through: u64,
    /// How many times the store had erased events before. If it has erased others since then, these may be among them.
    pub(super) erasures: u64,
}

impl ReadAhead {
    /// Whether the join may read once more.
    pub(in crate::runtime) fn may_read(&self) -> bool {
        self.reads < MOST_READS
    }

    /// The join reads nothing more.
    pub(in crate::runtime) fn read_no_more(&mut self) {
        self.reads = MOST_READS;
    }

    /// Notes an answer of the store.
    pub(super) fn note(&mut self, first: ReadFirst, answer: Replay) {
        let (through, erasures) = (first.through, first.erasures);
        let found = match answer {
            Replay::Complete(events) => Some(ReadEvents {
                events,
                through,
                erasures,
            }),
            Replay::Lost => None,
        };
        let read = match first.what {
            Earlier::Since(_) => &mut self.since,
            Earlier::Newest => &mut self.newest,
        };
        *read = Some(Read { first, found });
        self.reads += 1;
    }

    /// The events since a number, if they were read in this epoch for these subscriptions.
    pub(super) fn since(&self, epoch: &str, after: u64, subscriptions: &Subscriptions) -> Option<&ReadEvents> {
        self.read_since(epoch, after, subscriptions)?.found.as_ref()
    }

    /// Whether the store said that the events since a number cannot be replayed.
    pub(super) fn found_lost(&self, epoch: &str, after: u64, subscriptions: &Subscriptions) -> bool {
        self.read_since(epoch, after, subscriptions)
            .is_some_and(|read| read.found.is_none())
    }

    fn read_since(&self, epoch: &str, after: u64, subscriptions: &Subscriptions) -> Option<&Read> {
        let read = self.since.as_ref()?;
        (read.first.what == Earlier::Since(after) && read.first.is_for(epoch, subscriptions)).then_some(read)
    }

    /// The newest events, if they were read in this epoch for these subscriptions.
    pub(super) fn newest(&self, epoch: &str, subscriptions: &Subscriptions) -> Option<&ReadEvents> {
        let read = self.newest.as_ref()?;
        read.found.as_ref().filter(|_| read.first.is_for(epoch, subscriptions))
    }
}

/// The newest of these events, which come oldest first: at most `per_type` of each type. If the bounds do not allow all of
/// them, the oldest are left out.
pub(super) fn newest_of(
    events: Vec<StoredEvent>,
    per_type: &dyn Fn(&str) -> usize,
    bounds: LogBounds,
) -> Vec<StoredEvent> {
    let mut counts: HashMap<EventName, usize> = HashMap::new();
    let mut newest: Vec<StoredEvent> = events
        .into_iter()
        .rev()
        .filter(|stored| {
            let count = counts.entry(stored.event.clone()).or_default();
            *count += 1;
            *count <= per_type(&stored.event)
        })
        .collect();
    newest.truncate(bounds.fitting(&newest));
    newest.reverse();
    newest
}
