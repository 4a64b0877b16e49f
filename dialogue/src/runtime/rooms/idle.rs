//! Rooms that nobody is in and that go for that, in the order in which they became empty. [`crate::runtime::rooms::expiry`] ends them.

use std::collections::VecDeque;
use std::sync::Weak;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::room::RoomCell;
use crate::serial::SerialQueue;

/// The queue. The idle time is the same for all, so that they become due in the order in which they were noted.
#[derive(Default)]
pub(crate) struct IdleRooms {
    empty: Mutex<VecDeque<EmptyRoom>>,
    /// Ends what is due.
    pub(in crate::runtime) worker: SerialQueue,
}

/// An empty room.
pub(in crate::runtime) struct EmptyRoom {
    pub(in crate::runtime) room: Weak<RoomCell>,
    pub(in crate::runtime) since: Instant,
    /// How often somebody had come in by then: if that has changed, the room was in use meanwhile.
    pub(in crate::runtime) joins: u64,
    /// Whether, of a room that stays for its creator's sake, the creator was gone when that was last looked at.
    pub(in crate::runtime) creator_gone: bool,
}

impl IdleRooms {
    pub(in crate::runtime) fn push(&self, empty: EmptyRoom) {
        self.empty.lock().push_back(empty);
    }

    pub(in crate::runtime) fn pop(&self) -> Option<EmptyRoom> {
        self.empty.lock().pop_front()
    }

    /// Since when the first has been empty.
    pub(in crate::runtime) fn first_since(&self) -> Option<Instant> {
        self.empty.lock().front().map(|empty| empty.since)
    }
}
