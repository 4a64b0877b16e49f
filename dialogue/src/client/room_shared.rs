//! The state of a room that the session shares with the room's handles and requests.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::events::RoomItem;
use super::listeners::ListenerSet;
use crate::id::{EventName, RoomId};

/// The state that the handles of a room share with the session.
pub(super) struct RoomShared {
    pub(super) id: RoomId,
    pub(super) listeners: Arc<ListenerSet<RoomItem>>,
    pub(super) view: Mutex<RoomView>,
}

/// A room's state as the client last knew it.
#[derive(Debug, Clone)]
pub(super) struct RoomView {
    pub(super) name: String,
    pub(super) subscriptions: Vec<EventName>,
    pub(super) departed: bool,
}

impl RoomShared {
    pub(super) fn view(&self) -> RoomView {
        self.view.lock().clone()
    }
}

impl std::fmt::Debug for RoomShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoomShared")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The rooms that the client's handles can see.
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
