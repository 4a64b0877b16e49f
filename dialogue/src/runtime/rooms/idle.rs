//! The queue of empty rooms that will expire. The room that became empty first is first.
//!
//! [`expiry`](crate::runtime::rooms::expiry) removes them.

use std::collections::VecDeque;
use std::sync::Weak;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::id::RoomId;
use crate::room::RoomCell;
use crate::serial::SerialQueue;

/// The queue. All rooms have the same idle time, so the room that was queued first expires first.
#[derive(Default)]
pub(crate) struct IdleRooms {
    empty: Mutex<VecDeque<EmptyRoom>>,
    /// Removes the rooms whose idle time is over.
    pub(in crate::runtime) worker: SerialQueue,
}

/// Rooms of anonymous users that somebody must look after: an earlier run has left them in the store, or another node used them
/// when this one wanted to delete them.
#[derive(Default)]
pub(crate) struct Leftovers {
    rooms: Mutex<VecDeque<RoomId>>,
    /// Notified when a room is added.
    added: Notify,
    /// Loads them, so that they expire.
    pub(in crate::runtime) worker: SerialQueue,
}

impl Leftovers {
    pub(in crate::runtime) fn add(&self, rooms: impl IntoIterator<Item = RoomId>) {
        self.rooms.lock().extend(rooms);
        self.added.notify_one();
    }

    pub(in crate::runtime) fn first(&self) -> Option<RoomId> {
        self.rooms.lock().front().cloned()
    }

    pub(in crate::runtime) fn pop(&self) {
        self.rooms.lock().pop_front();
    }

    /// Waits until a room is added. It may be taken out by now.
    pub(in crate::runtime) async fn added(&self) {
        self.added.notified().await;
    }
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
