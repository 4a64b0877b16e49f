//! A room that this node follows: the feed of a cluster brings its changes. Ends with the room.

use std::fmt;
use std::sync::Arc;

use crate::cluster::Cluster;
use crate::id::RoomId;

/// Follows a room until it is dropped.
pub(super) struct Followed {
    cluster: Arc<dyn Cluster>,
    room: RoomId,
}

impl Followed {
    /// Make it before the call of [`Cluster::follow`], whose answer may never come.
    pub(super) fn new(cluster: &Arc<dyn Cluster>, room: &RoomId) -> Self {
        Self {
            cluster: Arc::clone(cluster),
            room: room.clone(),
        }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.cluster.unfollow(&self.room);
    }
}

impl fmt::Debug for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Followed").field(&self.room).finish()
    }
}
