//! Counts the kept events and the uses of rooms, without a lock.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::log::event::StoredEvent;
use crate::log::store::LogSize;

/// The counters of all rooms together. `Relaxed` is enough: each counter is exact alone, and it does not guard other
/// data.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Counts uses and serves as the clock. 64 bits do not overflow.
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

    /// A tick that is later than all earlier ones.
    pub(super) fn next_tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn room_added(&self) {
        self.rooms.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn room_emptied(&self) {
        self.rooms.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts events that were appended to a log, and events that left it.
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

/// Writes only if the count changes: in a full log, each new event replaces an old one.
fn shift(counter: &AtomicUsize, up: usize, down: usize) {
    if up > down {
        counter.fetch_add(up - down, Ordering::Relaxed);
    } else if down > up {
        counter.fetch_sub(down - up, Ordering::Relaxed);
    }
}

/// A number of events and the bytes of their texts.
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
