//! Deleting a room in this process: its members leave, and then the room is removed.

use std::collections::HashMap;
use std::sync::Arc;

use super::left::left;
use crate::id::UserId;
use crate::protocol::LeftReason;
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::rooms::announce::{ChangedBy, Requester, remove_room};

/// Ends a room here that the log has deleted without an outcome for this node: if several nodes share the log, another one has
/// deleted it. A deletion by this node that is on its way ends it with its own outcome. Returns whether the room has ended.
pub(in crate::runtime) fn end_deleted(core: &Arc<Core>, room: &Arc<RoomCell>) -> bool {
    let by = {
        let state = room.lock();
        if state.record.is_deleting() {
            return false;
        }
        match core.cluster.is_none() || state.record.may_have_deleted() {
            true => ChangedBy::ThisNode,
            false => ChangedBy::AnotherNode,
        }
    };
    let has_ended = delete(core, room, None, by);
    if core.cluster.is_some() {
        // There may be another room with its id.
        core.rooms.unsettled.note(&room.id);
    }
    has_ended
}

/// Deletes a room here that this node has deleted. Its members leave and receive `left`; every client receives `roomDeleted`. Returns whether the room
/// existed.
pub(in crate::runtime) fn delete_at_once(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    requester: Option<Requester<'_>>,
) -> bool {
    delete(core, room, requester, ChangedBy::ThisNode)
}

/// The same for a room that either node has deleted.
pub(super) fn delete(core: &Arc<Core>, room: &Arc<RoomCell>, requester: Option<Requester<'_>>, by: ChangedBy) -> bool {
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
        let mut connections: HashMap<&UserId, usize> = HashMap::new();
        for client in &members {
            *connections.entry(&client.user_id).or_default() += 1;
        }
        for client in &members {
            let is_last = || {
                connections.get_mut(&client.user_id).is_none_or(|others| {
                    *others -= 1;
                    *others == 0
                })
            };
            left(core, client, room, None, Some(LeftReason::RoomDeleted), 0, is_last);
        }
        // This must come before the id is free again, so that it cannot clear the history of a new room.
        core.history.forget(room);
    }
    remove_room(core, room, requester, by);
    true
}
