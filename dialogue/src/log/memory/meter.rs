//! Counts what a store keeps and the uses of its rooms, without a lock.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::log::event::StoredEvent;
use crate::log::store::LogSize;

/// What all rooms hold together. `Relaxed` is enough: each counter is exact by itself, and nothing else is read by it.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Counts uses, in place of a clock: 2^64 of them do not run out.
    ticks: AtomicU64,
    rooms: AtomicUsize,
    events: AtomicUsize,
    bytes: AtomicUsize,
}

impl Meter {
    /// The tick of the latest use of any room.
    pub(super) fn latest_tick(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// A tick that is later than all before.
    pub(super) fn next_tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn room_added(&self) {
        self.rooms.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn room_emptied(&self) {
        self.rooms.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts events that came into a log, and events that left it.
    pub(super) fn count(&self, came: Amount, left: Amount) {
        shift(&self.events, came.events, left.events);
        shift(&self.bytes, came.bytes, left.bytes);
    }

    pub(super) fn rooms(&self) -> usize {
        self.rooms.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn size(&self) -> LogSize {
        LogSize {
            rooms: self.rooms(),
            events: self.events.load(Ordering::Relaxed),
            bytes: self.bytes(),
        }
    }
}

/// Writes only if something changes: in a log that is full, one event comes for one that leaves.
fn shift(counter: &AtomicUsize, up: usize, down: usize) {
    if up > down {
        counter.fetch_add(up - down, Ordering::Relaxed);
    } else if down > up {
        counter.fetch_sub(down - up, Ordering::Relaxed);
    }
}

/// An amount of events.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Amount {
    events: usize,
    bytes: usize,
}

impl Amount {
    pub(super) fn add(&mut self, event: &StoredEvent) {
        self.events += 1;
        self.bytes += event.body.len();
    }

    pub(super) fn of(event: &StoredEvent) -> Self {
        Self {
            events: 1,
            bytes: event.body.len(),
        }
    }
}
