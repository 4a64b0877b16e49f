//! The log of one room: a ring of events per type, and how far each type has been forgotten.
//!
//! Owns the arithmetic of pages and recovery. The store decides which rooms keep their events.

use std::cmp::Reverse;
use std::collections::VecDeque;

use bytes::Bytes;
use indexmap::IndexMap;

use super::bounds::{Budget, LogBounds};
use super::durable::StoredWindow;
use super::event::StoredEvent;
use super::page::{LogCursor, LogPage, Reach};
use super::replay::Replay;
use crate::id::EventName;

/// One room's events, in one incarnation of the room.
#[derive(Debug, Default)]
pub(super) struct RoomLog {
    rings: IndexMap<EventName, Ring>,
    /// The highest number that the room has used.
    top: u64,
    /// The highest number, of any type, that was never appended here. 0 if no event is missing.
    missing: u64,
    /// Counts the events, so that events without a number have an order across types, too.
    arrivals: u64,
}

#[derive(Debug, Default)]
struct Ring {
    /// Oldest first. Their numbers rise.
    kept: VecDeque<RingEvent>,
    /// The highest number that was evicted. 0 if none was: rooms number from 1.
    mark: u64,
    /// Whether there were older events.
    has_older: bool,
}

#[derive(Debug)]
struct RingEvent {
    arrival: u64,
    stored: StoredEvent,
}

impl RoomLog {
    /// A log for a room that may have lost events up to the number `missing`. If the first number that it gets is 1,
    /// the room has lost nothing.
    pub(super) fn beginning_after(missing: u64) -> Self {
        Self {
            missing,
            ..Self::default()
        }
    }

    /// Begins with the newest events of a store, behind the events without a number that are here already. The store has
    /// everything that the log lacks.
    pub(super) fn restored(self, window: StoredWindow) -> Self {
        let mut log = Self {
            top: window.top,
            ..Self::default()
        };
        let mut all: Vec<StoredEvent> = Vec::new();
        let pushed = self.rings.into_values().flat_map(|ring| ring.kept);
        let mut pushed: Vec<RingEvent> = pushed.filter(|kept| kept.stored.seq.is_none()).collect();
        pushed.sort_unstable_by_key(|kept| kept.arrival);
        all.extend(pushed.into_iter().map(|kept| kept.stored));
        let unnumbered = all.len();
        for stored in window.types {
            let ring = log.rings.entry(stored.event).or_default();
            (ring.mark, ring.has_older) = (stored.mark, stored.has_older);
            all.extend(stored.events);
        }
        all[unnumbered..].sort_by_key(|stored| stored.seq);
        for stored in all {
            log.arrivals += 1;
            let arrival = log.arrivals;
            let ring = log.rings.entry(stored.event.clone()).or_default();
            ring.kept.push_back(RingEvent { arrival, stored });
        }
        log
    }

    /// Appends an event, and gives the events of its type beyond `limit` to `evict`.
    ///
    /// Numbers rise. A number that does not rise belongs to another incarnation of the room, so all earlier events are
    /// evicted and forgotten. If a number skips others, those events are lost.
    pub(super) fn append(&mut self, stored: StoredEvent, limit: usize, evict: &mut dyn FnMut(StoredEvent)) {
        if let Some(seq) = stored.seq {
            if seq <= self.top {
                self.evict_all(evict);
                *self = Self::default();
            }
            if self.top == 0 || seq > self.top + 1 {
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
        ring.kept.push_back(RingEvent { arrival, stored });
        while ring.kept.len() > limit
            && let Some(oldest) = ring.evict_oldest()
        {
            evict(oldest);
        }
    }

    /// Notes that the room has used the numbers up to `top`. If the log did not know that, their events are lost.
    pub(super) fn advance_to(&mut self, top: u64) {
        if self.top < top {
            self.missing = top;
            self.top = top;
        }
    }

    /// Evicts the oldest event, of any type.
    pub(super) fn evict_oldest(&mut self) -> Option<StoredEvent> {
        let oldest = |ring: &&mut Ring| ring.kept.front().map(|kept| kept.arrival);
        let ring = self
            .rings
            .values_mut()
            .filter(|ring| !ring.kept.is_empty())
            .min_by_key(oldest)?;
        ring.evict_oldest()
    }

    /// Removes the events of a type up to the number `through`, because the store no longer has any of them.
    pub(super) fn remove_through(&mut self, event: &str, through: u64, take: &mut dyn FnMut(StoredEvent)) {
        let Some(ring) = self.rings.get_mut(event) else {
            return;
        };
        let is_due = |kept: &RingEvent| kept.stored.seq.is_some_and(|seq| seq <= through);
        while ring.kept.front().is_some_and(is_due)
            && let Some(removed) = ring.evict_oldest()
        {
            take(removed);
        }
        ring.has_older &= ring.mark > through;
        ring.mark = ring.mark.max(through);
    }

    /// Evicts all events, oldest first. The log still knows how far each type was forgotten.
    pub(super) fn evict_all(&mut self, evict: &mut dyn FnMut(StoredEvent)) {
        let mut all: Vec<RingEvent> = Vec::new();
        for ring in self.rings.values_mut() {
            let kept = std::mem::take(&mut ring.kept);
            ring.has_older |= !kept.is_empty();
            ring.mark = kept.iter().filter_map(|kept| kept.stored.seq).fold(ring.mark, u64::max);
            all.extend(kept);
        }
        self.rings.retain(|_, ring| ring.mark > 0);
        self.rings.shrink_to_fit();
        all.sort_unstable_by_key(|kept| kept.arrival);
        all.into_iter().for_each(|kept| evict(kept.stored));
    }

    /// Replaces the texts of the events for which `with` has another one. `replaced` gets each as it was and as it is.
    pub(super) fn replace(
        &mut self,
        with: &dyn Fn(&StoredEvent) -> Option<Bytes>,
        replaced: &mut dyn FnMut(StoredEvent, &StoredEvent),
    ) {
        for RingEvent { stored, .. } in self.rings.values_mut().flat_map(|ring| &mut ring.kept) {
            if let Some(body) = with(stored) {
                let before = std::mem::replace(&mut stored.body, body);
                replaced(
                    StoredEvent {
                        body: before,
                        ..stored.clone()
                    },
                    stored,
                );
            }
        }
    }

    /// Whether a new log would give the same answers.
    pub(super) fn is_blank(&self) -> bool {
        self.top == 0 && self.event_names().next().is_none()
    }

    /// The highest number that the room has used. 0 if it has used none.
    pub(super) fn top(&self) -> u64 {
        self.top
    }

    /// The types of the kept events, in the order in which they first appeared.
    pub(super) fn event_names(&self) -> impl Iterator<Item = &EventName> {
        self.rings
            .iter()
            .filter(|(_, ring)| !ring.kept.is_empty())
            .map(|(name, _)| name)
    }

    /// One page of a type, and how far back the type's events go.
    pub(super) fn page(&self, event: &str, cursor: LogCursor, bounds: LogBounds) -> (LogPage, Reach) {
        let Some(ring) = self.rings.get(event) else {
            return Default::default();
        };
        let events = || ring.kept.iter().map(|kept| &kept.stored);
        (
            LogPage::of(events().rev(), cursor, bounds),
            Reach::of_kind(cursor, events()),
        )
    }

    /// The newest events of each type, at most `per_type`, oldest first. If the bounds do not allow all of them, the oldest
    /// are left out.
    pub(super) fn recent(&self, per_type: &dyn Fn(&str) -> usize, bounds: LogBounds) -> Vec<StoredEvent> {
        let mut newest: Vec<&RingEvent> = self
            .rings
            .iter()
            .flat_map(|(name, ring)| ring.kept.iter().rev().take(per_type(name).min(bounds.events)))
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

    /// Whether the log has the newest `per_type` events of each type, as far as they exist anywhere.
    pub(super) fn has_newest(&self, per_type: &dyn Fn(&str) -> usize) -> bool {
        let is_complete = |(name, ring): (&EventName, &Ring)| !ring.has_older || ring.kept.len() >= per_type(name);
        self.missing == 0 && self.rings.iter().all(is_complete)
    }

    /// Whether there are events of a type that are older than the log's.
    pub(super) fn has_older(&self, event: &str) -> bool {
        self.missing > 0 || self.rings.get(event).is_some_and(|ring| ring.has_older)
    }

    /// All events of the wanted types with a number above `seq`, or `Lost` if some are gone or do not fit the bounds.
    pub(super) fn since(&self, seq: u64, wanted: &dyn Fn(&str) -> bool, bounds: LogBounds) -> Replay {
        if self.missing > seq {
            return Replay::Lost;
        }
        let mut budget = Budget::new(bounds);
        let mut due: Vec<&RingEvent> = Vec::new();
        for (_, ring) in self.rings.iter().filter(|(name, _)| wanted(name)) {
            if ring.mark > seq {
                return Replay::Lost;
            }
            let newer = ring
                .kept
                .iter()
                .rev()
                .take_while(|kept| kept.stored.seq.is_none_or(|number| number > seq))
                .filter(|kept| kept.stored.seq.is_some());
            for kept in newer {
                if !budget.spend(&kept.stored) {
                    return Replay::Lost;
                }
                due.push(kept);
            }
        }
        due.sort_unstable_by_key(|kept| kept.arrival);
        Replay::Complete(due.into_iter().map(|kept| kept.stored.clone()).collect())
    }
}

impl Ring {
    fn evict_oldest(&mut self) -> Option<StoredEvent> {
        let RingEvent { stored, .. } = self.kept.pop_front()?;
        self.mark = self.mark.max(stored.seq.unwrap_or(0));
        self.has_older = true;
        Some(stored)
    }
}
