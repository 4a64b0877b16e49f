//! Deleting a room: first in the store, and then here.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::delete_at_once::delete_at_once;
use crate::connection::ClientState;
use crate::log::StoreFailure;
use crate::room::{LogPlace, RoomCell};
use crate::runtime::core::Core;
use crate::runtime::deadline::within_deadline;
use crate::runtime::history::keep::room_key;
use crate::runtime::publish::apply_queue::apply_in_order;

/// Deletes a room: first in the store, then here, after all earlier changes of its log. Returns whether the room existed.
///
/// Without a store, this waits for nothing. With one, it continues if it is dropped, and if the store takes longer than the
/// caller waits.
pub(in crate::runtime) async fn delete_room(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    requester: Option<(Arc<ClientState>, Option<i64>)>,
) -> Result<bool, StoreFailure> {
    let Some(durable) = core.store_to_change() else {
        return Ok(delete_at_once(
            core,
            room,
            requester.as_ref().map(|(client, id)| (client, *id)),
        ));
    };
    if !core.rooms.holds(room) {
        return Ok(false);
    }
    {
        let mut state = room.lock();
        if state.record.is_deleted() {
            return Ok(false);
        }
        // The room must stay until the deletion is applied.
        state.record.begin_append();
    }
    let (sender, receiver) = oneshot::channel();
    let (for_done, of_done) = (Arc::clone(core), Arc::clone(room));
    let stays = core.lifecycle.changes.token();
    let done = Box::new(move |outcome: Result<bool, StoreFailure>| {
        apply_in_order(&for_done, &of_done, LogPlace::Unnumbered, move |core, room| {
            let _stays = stays;
            room.lock().record.end_append();
            // If the store has no such incarnation, an earlier deletion had an unknown outcome.
            let deleted =
                outcome.map(|_| delete_at_once(core, room, requester.as_ref().map(|(client, id)| (client, *id))));
            let _ = sender.send(deleted);
        });
    });
    durable.delete_room(room_key(room), core.rooms.is_fixed(&room.id), done);
    let deleted = async { receiver.await.unwrap_or(Err(StoreFailure::Closed)) };
    within_deadline(core, deleted).await
}
