//! Reads a room's events from the newest to the oldest, in steps that do not block Redis for long. Pure.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::foreign::BadReply;
use super::reply::TypeReply;
use crate::id::EventName;
use crate::log::durable::StoredType;
use crate::log::{LogBounds, StoredEvent};

/// The most events and bytes of one step: Redis needs about 2 ms for it.
const STEP: LogBounds = LogBounds {
    events: 1_000,
    bytes: 1024 * 1024,
};

/// What an entry has besides its frame, at most: its numbers and a sender's id.
const HEAD_BYTES: usize = 256;

/// What a reader wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// Nothing above this number.
    pub(super) through: Option<u64>,
    /// Only what is above this number.
    pub(super) after: Option<u64>,
    pub(super) bounds: LogBounds,
    /// One event may be larger than the bounds.
    pub(super) at_least_one: bool,
}

pub(super) struct Walk {
    wish: Wish,
    left: LogBounds,
    /// The lowest number that was read.
    lowest: Option<u64>,
    has_taken: bool,
    /// Whether each type was asked for.
    has_asked: bool,
    is_full: bool,
    /// The next step asks for everything after a number at once.
    asks_after: bool,
    types: BTreeMap<EventName, Walked>,
}

#[derive(Debug)]
struct Walked {
    /// How many more events are wanted.
    wanted: usize,
    mark: u64,
    has_older: bool,
    /// Newest first.
    events: Vec<StoredEvent>,
}

/// What the next call asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) through: Option<u64>,
    /// Everything after this number is wanted, or the answer that some of it is missing.
    pub(super) after: Option<u64>,
    pub(super) events: usize,
    pub(super) bytes: usize,
    pub(super) types: Vec<(EventName, usize)>,
}

impl Walk {
    /// Each type with the most events of it. Of one with 0, it only learns whether there are any.
    pub(super) fn new(wish: Wish, types: impl IntoIterator<Item = (EventName, usize)>) -> Self {
        let types = types.into_iter().map(|(event, wanted)| {
            let walked = Walked {
                wanted,
                mark: u64::MAX,
                has_older: true,
                events: Vec::new(),
            };
            (event, walked)
        });
        Self {
            wish,
            left: wish.bounds,
            lowest: None,
            has_taken: false,
            has_asked: false,
            is_full: false,
            asks_after: wish.after.is_some(),
            types: types.collect(),
        }
    }

    /// The next step, or `None` if there is nothing more to read.
    pub(super) fn step(&self) -> Option<Step> {
        let floor = self.wish.after.unwrap_or(0);
        let types = self.types.iter().filter(|(_, kind)| {
            let is_open = kind.has_older && kind.mark > floor;
            is_open && (kind.wanted > 0 || !self.has_asked)
        });
        let types: Vec<_> = types.map(|(event, kind)| (event.clone(), kind.wanted.max(1))).collect();
        if self.is_full || types.is_empty() || self.lowest.is_some_and(|lowest| lowest <= floor + 1) {
            return None;
        }
        Some(Step {
            through: self.lowest.map(|lowest| lowest - 1).or(self.wish.through),
            after: self.wish.after.filter(|_| self.asks_after),
            events: STEP.events.min(self.left.events.saturating_add(types.len())).max(1),
            bytes: STEP
                .bytes
                .min(self.left.bytes.saturating_add(STEP.events * HEAD_BYTES))
                .max(1),
            types,
        })
    }

    /// Not everything after the number came at once. Unless the reader wants no more than one step, it may come in several.
    pub(super) fn split(&mut self) {
        self.is_full |= self.left.events < STEP.events && self.left.bytes < STEP.bytes / 2;
        self.asks_after = false;
    }

    /// Takes the reply of a step.
    pub(super) fn take(&mut self, replies: Vec<TypeReply>) -> Result<(), BadReply> {
        let floor = self.wish.after.unwrap_or(0);
        let mut entries = Vec::new();
        for reply in replies {
            if let Some(kind) = self.types.get_mut(&reply.event) {
                kind.mark = reply.mark;
                kind.has_older = reply.has_older;
            }
            for entry in reply.entries {
                entries.push((reply.event.clone(), Entry::parse(entry)?));
            }
        }
        entries.sort_unstable_by_key(|(_, entry)| std::cmp::Reverse(entry.seq));
        self.has_asked = true;
        // Nothing follows an empty reply.
        self.is_full |= entries.is_empty();
        for (event, entry) in entries {
            let Some(kind) = self.types.get_mut(&event) else {
                continue;
            };
            self.lowest = Some(entry.seq);
            if entry.seq <= floor {
                kind.mark = kind.mark.max(entry.seq);
                continue;
            }
            let is_wanted = kind.wanted > 0;
            if is_wanted && !self.is_full {
                let must_fit = self.wish.at_least_one && !self.has_taken;
                self.is_full = !spend(&mut self.left, entry.frame_bytes(), must_fit);
            }
            if is_wanted && !self.is_full {
                kind.wanted -= 1;
                kind.events.push(StoredEvent {
                    event,
                    seq: Some(entry.seq),
                    body: entry.frame(),
                });
                self.has_taken = true;
            } else {
                // It stays behind.
                kind.mark = kind.mark.max(entry.seq);
                kind.has_older = true;
            }
        }
        Ok(())
    }

    /// Whether everything above `after` is there.
    pub(super) fn is_complete(&self) -> bool {
        let floor = self.wish.after.unwrap_or(0);
        self.types.values().all(|kind| kind.mark <= floor)
    }

    /// All events, newest first.
    pub(super) fn newest_first(self) -> Vec<StoredEvent> {
        let mut events: Vec<_> = self.types.into_values().flat_map(|kind| kind.events).collect();
        events.sort_unstable_by_key(|event| std::cmp::Reverse(event.seq));
        events
    }

    /// Whether a type has older events.
    pub(super) fn has_older(&self, event: &str) -> bool {
        self.types.get(event).is_some_and(|kind| kind.has_older)
    }

    /// The events of each type.
    pub(super) fn by_type(self) -> Vec<StoredType> {
        let types = self.types.into_iter().map(|(event, mut kind)| {
            kind.events.reverse();
            StoredType {
                event,
                mark: kind.mark,
                has_older: kind.has_older,
                events: kind.events,
            }
        });
        types.collect()
    }
}

/// Returns false if too little is left.
fn spend(left: &mut LogBounds, bytes: usize, must_fit: bool) -> bool {
    match (left.events.checked_sub(1), left.bytes.checked_sub(bytes)) {
        (Some(events), Some(bytes)) => *left = LogBounds { events, bytes },
        _ if must_fit => *left = LogBounds { events: 0, bytes: 0 },
        _ => return false,
    }
    true
}

#[cfg(test)]
#[path = "walk/tests.rs"]
mod tests;
