//! Enforces the bounds of the memory store: evicts the least recently used rooms.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::meter::Meter;
use super::rooms::MemoryRooms;
use super::slot::{LockedSlot, SlotPhase};
use crate::log::event::Evicted;

/// The bounds that all rooms share.
#[derive(Debug)]
pub(super) struct Eviction {
    max_rooms: usize,
    max_bytes: AtomicUsize,
    /// Held while rooms are evicted, so that two threads do not evict for the same excess.
    evicting: Mutex<()>,
}

/// The events to evict next, when a bound is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Excess {
    /// All events of the least recently used room.
    Room,
    /// The oldest events of the only live room.
    Events,
}

impl Eviction {
    pub(super) fn new(max_rooms: usize) -> Self {
        Self {
            max_rooms,
            max_bytes: AtomicUsize::new(usize::MAX),
            evicting: Mutex::default(),
        }
    }

    /// Bounds the bytes from the next append on. The lowest of several bounds applies.
    pub(super) fn bound_bytes(&self, max_bytes: usize) {
        self.max_bytes.fetch_min(max_bytes, Ordering::Relaxed);
    }

    /// Evicts until the bounds hold. `take` gets each room's events under the lock of its log. The caller must not hold
    /// the lock of a log.
    pub(super) fn enforce(&self, rooms: &MemoryRooms, mut take: impl FnMut(Vec<Evicted>)) {
        if self.excess(&rooms.meter).is_none() {
            return;
        }
        let evicting = self.evicting.lock();
        while let Some(excess) = self.excess(&rooms.meter)
            && let Some(slot) = rooms.least_recently_used()
        {
            let mut locked = slot.lock();
            if is_still_first(&locked) {
                take(match excess {
                    Excess::Room => rooms.empty(&mut locked),
                    Excess::Events => rooms.trim(&mut locked, |meter| self.holds_too_many_bytes(meter)),
                });
            }
        }
        drop(evicting);
        rooms.bound_memory();
    }

    /// Evicts the events of every room, the least recently used room first. A room that is used meanwhile may keep its
    /// events.
    pub(super) fn drain(&self, rooms: &MemoryRooms, mut take: impl FnMut(Vec<Evicted>)) {
        let evicting = self.evicting.lock();
        let end = rooms.meter.latest_tick();
        while let Some(slot) = rooms.least_recently_used()
            && slot.used() <= end
        {
            let mut locked = slot.lock();
            if is_still_first(&locked) {
                take(rooms.empty(&mut locked));
            }
        }
        drop(evicting);
        rooms.bound_memory();
    }

    fn excess(&self, meter: &Meter) -> Option<Excess> {
        let too_many_bytes = self.holds_too_many_bytes(meter);
        if meter.rooms() > self.max_rooms || (too_many_bytes && meter.rooms() > 1) {
            Some(Excess::Room)
        } else {
            too_many_bytes.then_some(Excess::Events)
        }
    }

    fn holds_too_many_bytes(&self, meter: &Meter) -> bool {
        meter.bytes() > self.max_bytes.load(Ordering::Relaxed)
    }
}

/// Whether the room is still live, and nobody has used it since it was the first in the order.
fn is_still_first(locked: &LockedSlot<'_>) -> bool {
    locked.state.phase == SlotPhase::Live && locked.slot.used() <= locked.slot.place()
}
