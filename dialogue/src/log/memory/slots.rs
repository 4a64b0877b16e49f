//! Finds a room's slot by the room's id.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::slot::RoomSlot;
use crate::id::RoomId;
use crate::log::room_log::RoomLog;

/// The number of shards: enough that threads rarely wait for each other, even on large machines.
const SHARDS: usize = 64;

/// The map of all rooms. Each shard has a lock of its own.
#[derive(Debug)]
pub(super) struct Slots {
    shards: Box<[Shard; SHARDS]>,
}

/// Aligned to a cache line, so that a lock does not slow down the locks next to it.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard(RwLock<HashMap<RoomId, Arc<RoomSlot>>>);

impl Default for Slots {
    fn default() -> Self {
        let shards = Box::new(std::array::from_fn(|_| Shard::default()));
        Self { shards }
    }
}

impl Slots {
    pub(super) fn find(&self, room: &str) -> Option<Arc<RoomSlot>> {
        self.shard(room).read().get(room).cloned()
    }

    /// Finds a room's slot. If there is none, adds one with the log that `begin` creates.
    pub(super) fn find_or_add(&self, room: &RoomId, begin: impl FnOnce() -> RoomLog) -> Arc<RoomSlot> {
        self.find(room).unwrap_or_else(|| {
            let mut shard = self.shard(room).write();
            let slot = shard
                .entry(room.clone())
                .or_insert_with(|| Arc::new(RoomSlot::new(room.clone(), begin())));
            Arc::clone(slot)
        })
    }

    pub(super) fn remove(&self, room: &str) {
        self.shard(room).write().remove(room);
    }

    /// Every slot, in no order.
    pub(super) fn all(&self) -> Vec<Arc<RoomSlot>> {
        let shards = self.shards.iter();
        shards
            .flat_map(|shard| shard.0.read().values().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// Chooses the shard by FNV-1a, which is cheap. If clients choose ids that all fall into one shard, they only get
    /// more waiting there: inside a shard, the map hashes with a secret key.
    fn shard(&self, room: &str) -> &RwLock<HashMap<RoomId, Arc<RoomSlot>>> {
        let hash = room.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        &self.shards[hash as usize % SHARDS].0
    }
}
