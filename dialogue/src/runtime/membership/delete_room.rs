//! Deleting a room: first in the store, and then here.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::delete_at_once::{delete, delete_at_once};
use crate::cluster::UnusedDeletion;
use crate::connection::ClientState;
use crate::log::StoreFailure;
use crate::room::{LogPlace, RoomCell};
use crate::runtime::core::Core;
use crate::runtime::deadline::within_deadline;
use crate::runtime::history::keep::room_key;
use crate::runtime::publish::apply_queue::apply_in_order;
use crate::runtime::rooms::announce::ChangedBy;

/// A client that requested the deletion, and the id of its request.
type Requester = Option<(Arc<ClientState>, Option<i64>)>;

/// Deletes a room: first in the store, then here, after all earlier changes of its log. Returns whether the room existed.
///
/// Without a store, this waits for nothing. With one, it continues if it is dropped, and if the store takes longer than the
/// caller waits.
pub(in crate::runtime) async fn delete_room(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    requester: Requester,
) -> Result<bool, StoreFailure> {
    let Some(durable) = core.store_to_change() else {
        return Ok(delete_at_once(
            core,
            room,
            requester.as_ref().map(|(client, id)| (client, *id)),
        ));
    };
    if !begin(core, room) {
        return Ok(false);
    }
    let (sender, receiver) = oneshot::channel();
    let (for_done, of_done) = (Arc::clone(core), Arc::clone(room));
    let stays = core.lifecycle.changes.token();
    let done = Box::new(move |outcome: Result<bool, StoreFailure>| {
        apply_in_order(&for_done, &of_done, LogPlace::Unnumbered, move |core, room| {
            let _stays = stays;
            let _ = sender.send(conclude(core, room, outcome.map(Some), requester));
        });
    });
    durable.delete_room(room_key(room), core.rooms.is_fixed(&room.id), done);
    let deleted = async { receiver.await.unwrap_or(Err(StoreFailure::Closed)) };
    within_deadline(core, deleted).await
}

/// Deletes a room that nobody is in here, unless another node uses it. Without a cluster, no other node does. Continues if it
/// is dropped.
pub(in crate::runtime) async fn delete_unused_room(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
) -> Result<UnusedDeletion, StoreFailure> {
    let Some(cluster) = &core.cluster else {
        return Ok(match delete_room(core, room, None).await? {
            true => UnusedDeletion::Deleted,
            false => UnusedDeletion::NoSuchRoom,
        });
    };
    core.lifecycle.tasks.note_runtime();
    if !begin(core, room) {
        return Ok(UnusedDeletion::NoSuchRoom);
    }
    let (sender, receiver) = oneshot::channel();
    let (for_done, of_done) = (Arc::clone(core), Arc::clone(room));
    let stays = core.lifecycle.changes.token();
    let done = Box::new(move |outcome: Result<UnusedDeletion, StoreFailure>| {
        apply_in_order(&for_done, &of_done, LogPlace::Unnumbered, move |core, room| {
            let _stays = stays;
            let existed = outcome.clone().map(|outcome| match outcome {
                UnusedDeletion::Deleted => Some(true),
                UnusedDeletion::NoSuchRoom => Some(false),
                UnusedDeletion::Used => None,
            });
            let concluded = conclude(core, room, existed, None);
            let _ = sender.send(concluded.and(outcome));
        });
    });
    cluster.delete_unused_room(room_key(room), done);
    let deleted = async { receiver.await.unwrap_or(Err(StoreFailure::Closed)) };
    within_deadline(core, deleted).await
}

/// The room must stay until the deletion is applied. Returns false if it is gone.
fn begin(core: &Core, room: &Arc<RoomCell>) -> bool {
    if !core.rooms.holds(room) {
        return false;
    }
    let mut state = room.lock();
    if state.record.is_deleted() {
        return false;
    }
    state.record.begin_deletion();
    true
}

/// The outcome of a deletion is known: whether the store had the incarnation, or `None` if the room stays. Returns whether the
/// room was here.
fn conclude(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    outcome: Result<Option<bool>, StoreFailure>,
    requester: Requester,
) -> Result<bool, StoreFailure> {
    let may_have_deleted = {
        let mut state = room.lock();
        state.record.end_deletion(outcome.is_err());
        state.record.may_have_deleted()
    };
    let existed = match outcome {
        Ok(Some(existed)) => existed,
        Ok(None) => return Ok(false),
        Err(failure) => {
            // What the feed said of the room meanwhile was left to this outcome.
            if core.cluster.is_some() {
                room.applying().request_check();
            }
            return Err(failure);
        }
    };
    // If the store has no such incarnation, an earlier deletion had an unknown outcome, or another node has deleted it.
    let by = match existed || may_have_deleted || core.cluster.is_none() {
        true => ChangedBy::ThisNode,
        false => ChangedBy::AnotherNode,
    };
    let requester = requester.as_ref().map(|(client, id)| (client, *id));
    let was_here = delete(core, room, requester, by);
    if by == ChangedBy::AnotherNode {
        // There may be another room with its id.
        core.rooms.unsettled.note(&room.id);
    }
    Ok(was_here)
}
