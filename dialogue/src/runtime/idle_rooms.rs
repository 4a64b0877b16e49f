//! Rooms that nobody is in and that go for that, in the order in which they became empty. [`super::retire`] ends them.

use std::collections::VecDeque;
use std::sync::Weak;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::room::RoomCell;
use crate::serial::SerialQueue;

/// The queue. The idle time is the same for all, so that they become due in the order in which they were noted.
#[derive(Default)]
pub(crate) struct IdleRooms {
    empty: Mutex<VecDeque<Empty>>,
    /// Ends what is due.
    pub(super) worker: SerialQueue,
}

/// An empty room.
pub(super) struct Empty {
    pub(super) room: Weak<RoomCell>,
    pub(super) since: Instant,
    /// How often somebody had come in by then: if that has changed, the room was in use meanwhile.
    pub(super) joins: u64,
    /// Whether, of a room that stays for its creator's sake, the creator was gone when that was last looked at.
    pub(super) abandoned: bool,
}

impl IdleRooms {
    pub(super) fn push(&self, empty: Empty) {
        self.empty.lock().push_back(empty);
    }

    pub(super) fn pop(&self) -> Option<Empty> {
        self.empty.lock().pop_front()
    }

    /// Since when the first has been empty.
    pub(super) fn first_since(&self) -> Option<Instant> {
        self.empty.lock().front().map(|empty| empty.since)
    }
}
