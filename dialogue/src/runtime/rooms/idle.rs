//! The queue of empty rooms that will expire. The room that became empty first is first.
//!
//! [`expiry`](crate::runtime::rooms::expiry) removes them.

use std::collections::VecDeque;
use std::sync::Weak;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::room::RoomCell;
use crate::serial::SerialQueue;

/// The queue. All rooms have the same idle time, so the room that was queued first expires first.
#[derive(Default)]
pub(crate) struct IdleRooms {
    empty: Mutex<VecDeque<EmptyRoom>>,
    /// Removes the rooms whose idle time is over.
    pub(in crate::runtime) worker: SerialQueue,
}

/// An empty room.
pub(in crate::runtime) struct EmptyRoom {
    pub(in crate::runtime) room: Weak<RoomCell>,
    pub(in crate::runtime) since: Instant,
    /// How often a client had joined by then. If this number has changed, the room was in use in the meantime.
    pub(in crate::runtime) joins: u64,
    /// Whether the last check found the room's anonymous creator gone.
    pub(in crate::runtime) creator_gone: bool,
}

impl IdleRooms {
    pub(in crate::runtime) fn push(&self, empty: EmptyRoom) {
        self.empty.lock().push_back(empty);
    }

    pub(in crate::runtime) fn pop(&self) -> Option<EmptyRoom> {
        self.empty.lock().pop_front()
    }

    /// The time when the first room in the queue became empty.
    pub(in crate::runtime) fn first_since(&self) -> Option<Instant> {
        self.empty.lock().front().map(|empty| empty.since)
    }
}
