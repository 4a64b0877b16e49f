//! Deleting a room: its members leave, and then the room is removed.

use std::sync::Arc;

use super::leave::left;
use crate::protocol::LeftReason;
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::rooms::announce::{Requester, remove_room};

/// Deletes a room: its members leave and are told, and so is everyone. Returns whether it was there.
pub(crate) fn delete_room(core: &Arc<Core>, room: &Arc<RoomCell>, requester: Option<Requester<'_>>) -> bool {
    // A room on demand that `before_join` is asked about is none yet: another may have its id and its history.
    if !core.rooms.holds(room) {
        return false;
    }
    {
        let mut state = room.lock();
        let Some(members) = state.delete() else {
            return false;
        };
        for client in members {
            left(core, &client, room, None, Some(LeftReason::RoomDeleted), 0);
        }
        // Before the id can be taken again: what a new room keeps is not to be cleared.
        core.history.forget(room);
    }
    remove_room(core, room, requester);
    true
}
