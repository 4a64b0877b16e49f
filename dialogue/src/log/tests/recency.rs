//! A map of rooms that knows which room was used least recently, for the reference.
//!
//! It moves a room on each use. No operation looks at more than one room.

use std::collections::{BTreeMap, HashMap};

use crate::id::RoomId;

/// Values by room, ordered by their last use.
#[derive(Debug)]
pub(super) struct Recency<V> {
    slots: HashMap<RoomId, Slot<V>>,
    /// The rooms by the tick of their last use. The first one is evicted next.
    order: BTreeMap<u64, RoomId>,
    /// Counts uses and serves as the clock. 64 bits do not overflow.
    tick: u64,
}

#[derive(Debug)]
struct Slot<V> {
    used: u64,
    value: V,
}

impl<V> Default for Recency<V> {
    fn default() -> Self {
        Self {
            slots: HashMap::new(),
            order: BTreeMap::new(),
            tick: 0,
        }
    }
}

impl<V> Recency<V> {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.slots.values().map(|slot| &slot.value)
    }

    pub(super) fn rooms(&self) -> impl Iterator<Item = &RoomId> {
        self.slots.keys()
    }

    /// Finds a room without using it.
    pub(super) fn peek(&self, room: &str) -> Option<&V> {
        self.slots.get(room).map(|slot| &slot.value)
    }

    /// The same, to change it.
    pub(super) fn peek_mut(&mut self, room: &str) -> Option<&mut V> {
        self.slots.get_mut(room).map(|slot| &mut slot.value)
    }

    /// Makes the room the most recently used one.
    pub(super) fn touch(&mut self, room: &str) -> Option<&mut V> {
        let slot = self.slots.get_mut(room)?;
        // A busy room usually is the latest one already.
        if slot.used != self.tick
            && let Some(id) = self.order.remove(&slot.used)
        {
            self.tick += 1;
            slot.used = self.tick;
            self.order.insert(self.tick, id);
        }
        Some(&mut slot.value)
    }

    /// Adds a room as the most recently used one, and replaces its earlier value.
    pub(super) fn insert(&mut self, room: RoomId, value: V) -> &mut V {
        self.remove(&room);
        self.tick += 1;
        self.order.insert(self.tick, room.clone());
        let slot = Slot { used: self.tick, value };
        &mut self.slots.entry(room).insert_entry(slot).into_mut().value
    }

    pub(super) fn remove(&mut self, room: &str) -> Option<(RoomId, V)> {
        let (id, slot) = self.slots.remove_entry(room)?;
        self.order.remove(&slot.used);
        Some((id, slot.value))
    }

    pub(super) fn pop_oldest(&mut self) -> Option<(RoomId, V)> {
        let (_, room) = self.order.pop_first()?;
        let (id, slot) = self.slots.remove_entry(&*room)?;
        Some((id, slot.value))
    }
}
