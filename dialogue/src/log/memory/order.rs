//! The order of rooms by their last use. It is corrected lazily, when the first room is needed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::slot::RoomSlot;

/// Rooms by the tick of a use.
///
/// Using a room does not move it, so a use needs no lock. [`first`](Self::first) looks at the first room. If that room
/// has been used since it got its place, it moves to the place of its last use, and `first` looks again. The result is
/// exactly the least recently used room. A use causes at most one move.
#[derive(Debug, Default)]
pub(super) struct Order {
    by_tick: BTreeMap<u64, Arc<RoomSlot>>,
}

impl Order {
    pub(super) fn len(&self) -> usize {
        self.by_tick.len()
    }

    /// Adds a room that has no place in any order. No other room has the same tick.
    pub(super) fn add(&mut self, slot: Arc<RoomSlot>, tick: u64) {
        slot.set_place(tick);
        self.by_tick.insert(tick, slot);
    }

    pub(super) fn remove(&mut self, slot: &RoomSlot) {
        self.by_tick.remove(&slot.place());
    }

    /// The least recently used room. It stays in the order.
    pub(super) fn first(&mut self) -> Option<Arc<RoomSlot>> {
        loop {
            let first = self.by_tick.first_entry()?;
            let used = first.get().used();
            if used <= *first.key() {
                return Some(Arc::clone(first.get()));
            }
            let slot = first.remove();
            self.add(slot, used);
        }
    }
}
