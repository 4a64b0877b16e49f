//! One room in the memory store: its log, and the lock around the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::id::RoomId;
use crate::log::room_log::RoomLog;

/// One room.
#[derive(Debug)]
pub(super) struct RoomSlot {
    pub(super) room: RoomId,
    /// The tick of the room's last use. Written under the lock of the log.
    used: AtomicU64,
    /// The room's place in its order. Written under the lock of that order.
    place: AtomicU64,
    state: Mutex<SlotState>,
}

/// The part of a room that the lock of its log protects.
#[derive(Debug)]
pub(super) struct SlotState {
    pub(super) log: RoomLog,
    /// The room's incarnation, once it has been idle.
    pub(super) epoch: Option<Arc<str>>,
    pub(super) phase: SlotPhase,
}

/// A room's state in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotPhase {
    /// The thread that made the slot is about to append to it.
    New,
    /// The store keeps the room's events.
    Live,
    /// The store keeps no events of the room. Its log still knows how far each type was forgotten, and the slot the
    /// epoch of an idle room.
    Emptied,
    /// The store no longer knows the room. A thread that finds this slot looks the room up again.
    Removed,
}

/// A room whose log this thread has locked.
pub(super) struct LockedSlot<'a> {
    pub(super) slot: &'a Arc<RoomSlot>,
    pub(super) state: MutexGuard<'a, SlotState>,
}

impl RoomSlot {
    pub(super) fn new(room: RoomId, log: RoomLog) -> Self {
        let phase = SlotPhase::New;
        Self {
            room,
            used: AtomicU64::new(0),
            place: AtomicU64::new(0),
            state: Mutex::new(SlotState {
                log,
                epoch: None,
                phase,
            }),
        }
    }

    pub(super) fn lock(self: &Arc<Self>) -> LockedSlot<'_> {
        LockedSlot {
            slot: self,
            state: self.state.lock(),
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn set_used(&self, tick: u64) {
        self.used.store(tick, Ordering::Relaxed);
    }

    pub(super) fn place(&self) -> u64 {
        self.place.load(Ordering::Relaxed)
    }

    pub(super) fn set_place(&self, tick: u64) {
        self.place.store(tick, Ordering::Relaxed);
    }
}
