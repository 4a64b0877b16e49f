//! The state of a room that the session shares with the room's handles. Each handle has its own listeners.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::events::{Departure, RoomItem};
use super::listeners::ListenerSet;
use crate::id::{EventName, RoomId};

/// The state that a handle of a room, with its clones, shares with the session.
pub(super) struct RoomShared {
    pub(super) id: RoomId,
    pub(super) listeners: Arc<ListenerSet<RoomItem>>,
    view: Arc<Mutex<RoomView>>,
    departed: AtomicBool,
}

/// A room's state as the client last knew it. All its handles share it.
#[derive(Debug, Clone, Default)]
pub(super) struct RoomView {
    pub(super) name: String,
    pub(super) subscriptions: Vec<EventName>,
}

impl RoomShared {
    pub(super) fn new(id: RoomId, listeners: ListenerSet<RoomItem>, view: Arc<Mutex<RoomView>>) -> Self {
        Self {
            id,
            listeners: Arc::new(listeners),
            view,
            departed: AtomicBool::new(false),
        }
    }

    pub(super) fn view(&self) -> RoomView {
        self.view.lock().clone()
    }

    /// Whether the handle does not hold the room any more.
    pub(super) fn is_departed(&self) -> bool {
        self.departed.load(Ordering::Acquire)
    }

    /// The handle does not hold the room any more. Its listeners learn why, and end.
    pub(super) fn depart(&self, departure: Departure) {
        if !self.departed.swap(true, Ordering::AcqRel) {
            self.listeners.offer(&RoomItem::Departed(departure), false);
            self.listeners.end();
        }
    }
}

impl std::fmt::Debug for RoomShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoomShared")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The rooms that the client's handles can see, each with its oldest handle.
pub(super) type RoomIndex = Arc<Mutex<HashMap<RoomId, Arc<RoomShared>>>>;

/// Whether requests for a room can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Readiness {
    /// The client is in the room, in this epoch.
    Here { epoch: String },
    /// The client is rejoining the room, and the server may have let it in already.
    Returning,
    /// The client is to rejoin the room later.
    Away,
    /// The client is not in the room.
    Gone,
}
