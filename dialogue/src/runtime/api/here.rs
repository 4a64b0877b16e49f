//! The views of this node: its rooms and clients, and its part of one room.
//!
//! Owns the synchronous look-ups. The calls that concern all nodes are methods of the handles.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::id::RoomId;
use crate::room::RoomRef;
use crate::runtime::core::{Client, Core, RoomHandle};

/// The view of this node: its rooms and clients. [`Dialogue::here`](crate::Dialogue::here) returns it. It is a handle
/// that is cheap to clone.
#[derive(Clone)]
pub struct Here {
    pub(in crate::runtime) core: Arc<Core>,
}

impl Here {
    /// Every room on this node, in no particular order. Created rooms that only the store has are not on this node: they
    /// are loaded when they are used.
    #[must_use]
    pub fn rooms(&self) -> Vec<RoomHandle> {
        self.core.rooms.all().iter().map(|room| self.core.room(room)).collect()
    }

    /// Looks up a room on this node; `None` if it does not exist, or if only the store has it. A [`RoomHandle`] only finds
    /// its own room. It never finds another room that has taken the id.
    #[must_use]
    pub fn room(&self, room: impl RoomRef) -> Option<RoomHandle> {
        let room = self.core.rooms.find_ref(&room)?;
        Some(self.core.room(&room))
    }

    /// Every client that is connected to this node, in no particular order.
    #[must_use]
    pub fn clients(&self) -> Vec<Client> {
        let clients = self.core.clients.all();
        clients.iter().map(|client| self.core.client(client)).collect()
    }

    /// The client with this id; `None` if it is not connected to this node.
    #[must_use]
    pub fn client(&self, id: &str) -> Option<Client> {
        let client = self.core.clients.find(id)?;
        Some(self.core.client(&client))
    }

    /// The clients of a user on this node, oldest connection first. A user may have several clients, one for each tab
    /// or device.
    #[must_use]
    pub fn clients_of(&self, user: &str) -> Vec<Client> {
        let clients = self.core.clients.of_user(user);
        clients.iter().map(|client| self.core.client(client)).collect()
    }

    /// The ids of the rooms that the user's clients on this node are in: sorted, without duplicates.
    #[must_use]
    pub fn rooms_of(&self, user: &str) -> Vec<RoomId> {
        let clients = self.core.clients.of_user(user);
        let rooms: BTreeSet<RoomId> = clients
            .iter()
            .flat_map(|client| client.membership.lock().rooms())
            .collect();
        rooms.into_iter().collect()
    }

    /// Whether any client of a user on this node is in a room.
    #[must_use]
    pub fn is_in_room(&self, user: &str, room: impl RoomRef) -> bool {
        let Some(room) = self.core.rooms.find_ref(&room) else {
            return false;
        };
        self.core
            .clients
            .user_has(user, |client| client.membership.lock().contains(&room.id))
    }
}

impl std::fmt::Debug for Here {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Here")
            .field("clients", &self.core.clients.len())
            .field("rooms", &self.core.rooms.len())
            .finish_non_exhaustive()
    }
}

/// The view of this node's part of a room. [`RoomHandle::here`] returns it. It is a handle that is cheap to clone.
#[derive(Debug, Clone)]
pub struct RoomHere {
    pub(in crate::runtime) room: RoomHandle,
}

impl RoomHere {
    /// How many clients of this node are in the room. A user with two tabs counts twice.
    #[must_use]
    pub fn size(&self) -> usize {
        self.room.present().lock().record.size()
    }

    /// Whether the room has reached its [`max_size`](RoomHandle::max_size), as far as this node knows.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.room.present().lock().record.is_full()
    }

    /// The clients of this node that are in the room, in no particular order.
    #[must_use]
    pub fn participants(&self) -> Vec<Client> {
        let room = self.room.present();
        let state = room.lock();
        state.local.all().map(|client| self.room.core.client(client)).collect()
    }
}
