//! The declared rooms that exist from the start.

use std::collections::HashSet;
use std::sync::Arc;

use super::registry::{NotAdded, Rooms};
use crate::id::RoomId;
use crate::log::durable::{DurableLog, IndexedRoom};
use crate::random::random_epoch;
use crate::room::{Origin, RoomCell};

/// What a store says about rooms when a server begins.
pub(in crate::runtime) struct StoredRooms<'a> {
    durable: &'a dyn DurableLog,
    /// The ids in its index.
    indexed: HashSet<RoomId>,
}

impl<'a> StoredRooms<'a> {
    pub(in crate::runtime) fn new(durable: &'a dyn DurableLog, index: &[IndexedRoom]) -> Self {
        Self {
            durable,
            indexed: index.iter().map(|room| room.id.clone()).collect(),
        }
    }
}

/// Adds the declared rooms that exist from the start. Fails if there are more than `max_rooms`.
pub(in crate::runtime) fn add_fixed(rooms: &Rooms, stored: Option<&StoredRooms>) -> Result<(), NotAdded> {
    for (id, blueprint) in rooms.fixed() {
        // A room that was deleted stays so, and one that was created again is made on its first use.
        if stored.is_some_and(|stored| stored.indexed.contains(id)) {
            continue;
        }
        let epoch = stored.map_or_else(random_epoch, |stored| stored.durable.first_epoch(id));
        let template = Arc::clone(&blueprint.template);
        let room = RoomCell::new(RoomId::from(id), template, None, Origin::Server, epoch);
        match rooms.add(Arc::new(room)) {
            // Two declarations with one id are refused before.
            Ok(()) | Err(NotAdded::Exists) => {}
            exceeded => return exceeded,
        }
    }
    Ok(())
}
