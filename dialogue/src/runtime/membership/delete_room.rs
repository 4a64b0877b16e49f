//! Deleting a room: its members leave, and then the room is removed.

use std::sync::Arc;

use super::leave::left;
use crate::protocol::LeftReason;
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::rooms::announce::{Requester, remove_room};

/// Deletes a room. Its members leave and receive `left`; every client receives `roomDeleted`. Returns whether the room
/// existed.
pub(crate) fn delete_room(core: &Arc<Core>, room: &Arc<RoomCell>, requester: Option<Requester<'_>>) -> bool {
    // An on-demand room does not exist while `before_join` decides: another room may have its id and its history.
    if !core.rooms.holds(room) {
        return false;
    }
    {
        let mut state = room.lock();
        let Some(members) = state.delete() else {
            return false;
        };
        // All leave at once. The last of a user's connections is the last one here.
        for (at, client) in members.iter().enumerate() {
            let is_last = || members[at + 1..].iter().all(|other| other.user_id != client.user_id);
            left(core, client, room, None, Some(LeftReason::RoomDeleted), 0, is_last);
        }
        // This must come before the id is free again, so that it cannot clear the history of a new room.
        core.history.forget(room);
    }
    remove_room(core, room, requester);
    true
}
