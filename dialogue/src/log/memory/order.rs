//! The order in which rooms were used, corrected only when somebody asks for the first.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::slot::RoomSlot;

/// Rooms by the tick of a use.
///
/// Using a room does not move it. [`first`](Self::first) moves each room that it finds at a place older than its last use. So
/// a use costs no lock, and the first room is still exactly the one that was used least recently. Each use causes one
/// move at most.
#[derive(Debug, Default)]
pub(super) struct Order {
    by_tick: BTreeMap<u64, Arc<RoomSlot>>,
}

impl Order {
    pub(super) fn len(&self) -> usize {
        self.by_tick.len()
    }

    /// Adds a room that is in no order. Ticks are unique.
    pub(super) fn add(&mut self, slot: Arc<RoomSlot>, tick: u64) {
        slot.set_place(tick);
        self.by_tick.insert(tick, slot);
    }

    pub(super) fn remove(&mut self, slot: &RoomSlot) {
        self.by_tick.remove(&slot.place());
    }

    /// The room that was used least recently. It stays in the order.
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
