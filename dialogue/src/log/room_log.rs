//! What is kept of one room: a ring of events per type, and how far each type has been forgotten.
//!
//! Owns the arithmetic of pages and recovery; which rooms are kept at all is decided in [`store`](super::store).

use std::cmp::Reverse;
use std::collections::VecDeque;

use indexmap::IndexMap;

use super::{Bounds, Cursor, Page, Reach, Recovery, StoredEvent};
use crate::id::EventName;

/// One room's history, in one incarnation of the room.
#[derive(Debug, Default)]
pub(super) struct RoomLog {
    rings: IndexMap<EventName, Ring>,
    /// The highest number that the room has used.
    top: u64,
    /// The highest number of an event that never came by here, of whatever type; 0 when none is missing.
    missing: u64,
    /// Counts what was added, for the order across types of what has no number.
    arrivals: u64,
}

#[derive(Debug, Default)]
struct Ring {
    /// Oldest first; numbers rise.
    kept: VecDeque<Kept>,
    /// The highest number that was evicted; 0 when none was (rooms number from 1).
    mark: u64,
}

#[derive(Debug)]
struct Kept {
    arrival: u64,
    stored: StoredEvent,
}

impl RoomLog {
    /// Adds an event as the newest, and gives what its type holds beyond `limit` to `evict`.
    ///
    /// Numbers must rise. One that does not is of another incarnation of the room, and nothing of the former one
    /// stays; one that leaves out others tells that those are lost.
    pub(super) fn append(&mut self, stored: StoredEvent, limit: usize, evict: &mut dyn FnMut(StoredEvent)) {
        if let Some(seq) = stored.seq {
            if seq <= self.top {
                self.evict_all(evict);
                *self = Self::default();
            }
            if seq > self.top + 1 {
                self.missing = seq - 1;
            }
            self.top = seq;
        }
        self.arrivals += 1;
        let arrival = self.arrivals;
        let ring = match self.rings.get_mut(&*stored.event) {
            Some(ring) => ring,
            None => self.rings.entry(stored.event.clone()).or_default(),
        };
        ring.kept.push_back(Kept { arrival, stored });
        while ring.kept.len() > limit
            && let Some(oldest) = ring.evict_oldest()
        {
            evict(oldest);
        }
    }

    /// Evicts the oldest event of all types.
    pub(super) fn evict_oldest(&mut self) -> Option<StoredEvent> {
        let oldest = |ring: &&mut Ring| ring.kept.front().map(|kept| kept.arrival);
        let ring = self
            .rings
            .values_mut()
            .filter(|ring| !ring.kept.is_empty())
            .min_by_key(oldest)?;
        ring.evict_oldest()
    }

    /// Evicts everything, oldest first. How far each type is forgotten stays.
    pub(super) fn evict_all(&mut self, evict: &mut dyn FnMut(StoredEvent)) {
        let mut all: Vec<Kept> = Vec::new();
        for ring in self.rings.values_mut() {
            let kept = std::mem::take(&mut ring.kept);
            ring.mark = kept.iter().filter_map(|kept| kept.stored.seq).fold(ring.mark, u64::max);
            all.extend(kept);
        }
        self.rings.retain(|_, ring| ring.mark > 0);
        self.rings.shrink_to_fit();
        all.sort_unstable_by_key(|kept| kept.arrival);
        all.into_iter().for_each(|kept| evict(kept.stored));
    }

    /// Whether an empty log would answer like this one.
    pub(super) fn is_blank(&self) -> bool {
        self.top == 0 && self.event_names().next().is_none()
    }

    /// The highest number that the room has used; 0 when it has used none.
    pub(super) fn top(&self) -> u64 {
        self.top
    }

    /// The types of which events are kept, the one seen first first.
    pub(super) fn event_names(&self) -> impl Iterator<Item = &EventName> {
        self.rings
            .iter()
            .filter(|(_, ring)| !ring.kept.is_empty())
            .map(|(name, _)| name)
    }

    pub(super) fn count(&self, event: &str) -> usize {
        self.rings.get(event).map_or(0, |ring| ring.kept.len())
    }

    /// One page of a type, and how far back its events go.
    pub(super) fn page(&self, event: &str, cursor: Cursor, bounds: Bounds) -> (Page, Reach) {
        let Some(ring) = self.rings.get(event) else {
            return Default::default();
        };
        let events = || ring.kept.iter().map(|kept| &kept.stored);
        (Page::of(events().rev(), cursor, bounds), Reach::of(events()))
    }

    /// The newest events of the wanted types, at most `per_type` of each, oldest first. Of what is more than the
    /// bounds allow, the oldest are left out.
    pub(super) fn recent(
        &self,
        wanted: &dyn Fn(&str) -> bool,
        per_type: Option<usize>,
        bounds: Bounds,
    ) -> Vec<StoredEvent> {
        let per_type = per_type.unwrap_or(usize::MAX).min(bounds.events);
        let mut newest: Vec<&Kept> = self
            .rings
            .iter()
            .filter(|(name, _)| wanted(name))
            .flat_map(|(_, ring)| ring.kept.iter().rev().take(per_type))
            .collect();
        newest.sort_unstable_by_key(|kept| Reverse(kept.arrival));
        let mut budget = Budget::new(bounds);
        let mut events: Vec<StoredEvent> = newest
            .into_iter()
            .map(|kept| &kept.stored)
            .take_while(|stored| budget.spend(stored))
            .cloned()
            .collect();
        events.reverse();
        events
    }

    /// Every event of the wanted types with a number above `seq`, or `Lost` when that cannot be given whole.
    pub(super) fn since(&self, seq: u64, wanted: &dyn Fn(&str) -> bool, bounds: Bounds) -> Recovery {
        if self.missing > seq {
            return Recovery::Lost;
        }
        let mut budget = Budget::new(bounds);
        let mut due: Vec<&Kept> = Vec::new();
        for (_, ring) in self.rings.iter().filter(|(name, _)| wanted(name)) {
            if ring.mark > seq {
                return Recovery::Lost;
            }
            let newer = ring
                .kept
                .iter()
                .rev()
                .take_while(|kept| kept.stored.seq.is_none_or(|number| number > seq))
                .filter(|kept| kept.stored.seq.is_some());
            for kept in newer {
                if !budget.spend(&kept.stored) {
                    return Recovery::Lost;
                }
                due.push(kept);
            }
        }
        due.sort_unstable_by_key(|kept| kept.arrival);
        Recovery::Recovered(due.into_iter().map(|kept| kept.stored.clone()).collect())
    }
}

impl Ring {
    fn evict_oldest(&mut self) -> Option<StoredEvent> {
        let Kept { stored, .. } = self.kept.pop_front()?;
        self.mark = self.mark.max(stored.seq.unwrap_or(0));
        Some(stored)
    }
}

impl Page {
    /// One page of events of a type, which come newest first. Unless none was asked for, it holds at least one event if there
    /// is one, however large, so that a reader gets past it.
    pub(crate) fn of<'a>(newest_first: impl Iterator<Item = &'a StoredEvent>, cursor: Cursor, bounds: Bounds) -> Self {
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

/// What is left of an answer's [`Bounds`].
struct Budget(Bounds);

impl Budget {
    fn new(bounds: Bounds) -> Self {
        Self(bounds)
    }

    /// Spends what one more event needs, if it is there. Once an event did not fit, none does: an answer has no holes.
    fn spend(&mut self, stored: &StoredEvent) -> bool {
        let left = (
            self.0.events.checked_sub(1),
            self.0.bytes.checked_sub(stored.body.len()),
        );
        match left {
            (Some(events), Some(bytes)) => {
                self.0 = Bounds { events, bytes };
                true
            }
            _ => {
                self.0.events = 0;
                false
            }
        }
    }
}
