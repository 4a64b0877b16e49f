//! Deleting a room that is known by its id: a room that is loaded, one that only a store has, or an idle on-demand room.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::delete_at_once::delete_at_once;
use super::delete_room::delete_room;
use crate::connection::ClientState;
use crate::id::{RoomId, UserId};
use crate::log::StoreFailure;
use crate::room::LogPlace;
use crate::runtime::core::Core;
use crate::runtime::deadline::{read_within_deadline, within_deadline};
use crate::runtime::publish::apply_queue::apply_in_order;
use crate::runtime::rooms::load::{creator_of, find_for_deletion};
use crate::runtime::rooms::on_demand::template_of;

/// Deletes the room with this id, and this epoch if there is one. The log of an idle on-demand room is deleted too.
pub(in crate::runtime) async fn delete_by_id(
    core: &Arc<Core>,
    id: &RoomId,
    epoch: Option<&str>,
) -> Result<bool, StoreFailure> {
    match find_for_deletion(core, id, epoch).await? {
        Some(room) => delete_room(core, &room, None).await,
        None => forget_idle(core, id, epoch).await,
    }
}

/// Why a client's request to delete a room failed.
#[derive(Debug)]
pub(crate) enum ClientDeleteError {
    NoSuchRoom,
    NotPermitted,
    /// The store has not deleted the room.
    NotAccepted,
}

impl From<StoreFailure> for ClientDeleteError {
    fn from(_: StoreFailure) -> Self {
        Self::NotAccepted
    }
}

/// Deletes a room for a client of the user who created it. `client` receives a reply, and all other clients receive an
/// announcement. A room that the client may not delete is not loaded.
pub(crate) async fn delete_for(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    id: Option<i64>,
    room: &RoomId,
) -> Result<(), ClientDeleteError> {
    let may_delete = |creator: Option<&UserId>| match creator == Some(&client.user_id) {
        true => Ok(()),
        false => Err(ClientDeleteError::NotPermitted),
    };
    let creator = creator_of(core, room).await?.ok_or(ClientDeleteError::NoSuchRoom)?;
    may_delete(creator.as_ref())?;
    let room = find_for_deletion(core, room, None).await?;
    let room = room.ok_or(ClientDeleteError::NoSuchRoom)?;
    // Another room may have taken the id meanwhile.
    may_delete(room.created_by.as_ref())?;
    match delete_room(core, &room, Some((Arc::clone(client), id))).await? {
        true => Ok(()),
        false => Err(ClientDeleteError::NoSuchRoom),
    }
}

/// Forgets what is remembered of an idle on-demand room. Returns whether there was anything.
async fn forget_idle(core: &Arc<Core>, id: &RoomId, epoch: Option<&str>) -> Result<bool, StoreFailure> {
    let is_it = |known: &str| epoch.is_none_or(|epoch| *epoch == *known);
    let Some(durable) = core.store_to_change() else {
        return Ok(core.rooms.in_order(|| {
            let is_idle =
                core.rooms.find(id).is_none() && core.history.remembered(id).is_some_and(|idle| is_it(&idle.epoch));
            if is_idle {
                core.history.log.forget_room(id);
            }
            is_idle
        }));
    };
    if template_of(core, id).is_none() {
        return Ok(false);
    }
    let key = read_within_deadline(core, durable.room(id)).await?.key;
    if !is_it(&key.epoch) || read_within_deadline(core, durable.top(key.clone())).await? == 0 {
        return Ok(false);
    }
    let (sender, receiver) = oneshot::channel();
    let (for_done, deleted) = (Arc::clone(core), key.clone());
    let stays = core.lifecycle.changes.token();
    let done = Box::new(move |outcome: Result<bool, StoreFailure>| {
        // A client may have joined the room meanwhile. Whoever prepares it later finds out that it is deleted.
        let present = for_done.rooms.find_incarnation(&deleted.id, Some(&deleted.epoch));
        match present.filter(|_| outcome.is_ok()) {
            Some(room) => apply_in_order(&for_done, &room, LogPlace::Unnumbered, move |core, room| {
                let _stays = stays;
                delete_at_once(core, room, None);
                let _ = sender.send(outcome);
            }),
            None => {
                let _ = sender.send(outcome);
            }
        }
    });
    durable.delete_room(key, false, done);
    let answer = async { receiver.await.unwrap_or(Err(StoreFailure::Closed)) };
    within_deadline(core, answer.boxed()).await
}
