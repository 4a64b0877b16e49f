//! On-demand rooms: prepared for the first client that joins, and added once `before_join` has approved the join.

use std::sync::Arc;

use super::announce::{add_on_demand, remove_room};
use super::load::{NotLoaded, find_or_load};
use super::registry::NotAdded;
use crate::connection::ClientState;
use crate::id::RoomId;
use crate::log::{Remembered, StoreFailure};
use crate::random::random_epoch;
use crate::room::{Origin, RoomCell};
use crate::runtime::core::Core;
use crate::runtime::deadline::read_within_deadline;

/// Finds the room with this id. If there is none and its family creates rooms on demand, prepares a room that is ready
/// to be added. It takes a share of the client's holder. Without a store, this waits for nothing.
pub(in crate::runtime) async fn find_or_prepare(
    core: &Arc<Core>,
    client: &ClientState,
    room_id: &str,
) -> Result<Option<Arc<RoomCell>>, NotLoaded> {
    if let Some(room) = find_or_load(core, room_id).await? {
        return Ok(Some(room));
    }
    let Some(blueprint) = core.rooms.blueprint(room_id) else {
        return Ok(None);
    };
    if !blueprint.template.family.on_demand || !RoomId::is_valid(room_id) {
        return Ok(None);
    }
    let id = RoomId::from(room_id);
    let idle = match &core.history.durable {
        None => core.history.remembered(room_id),
        // The last number is read when the room's log is loaded.
        Some(durable) => {
            let epoch = read_within_deadline(core, durable.room(&id)).await?.key.epoch;
            Some(Remembered { epoch, top: 0 })
        }
    };
    let template = Arc::clone(&blueprint.template);
    let epoch = idle.as_ref().map_or_else(random_epoch, |idle| Arc::clone(&idle.epoch));
    let room = RoomCell::new(id, template, None, Origin::OnDemand, epoch).held_by(client.holder());
    if let Some(idle) = idle {
        room.lock().record.resume_at(idle.top);
    }
    Ok(Some(Arc::new(room)))
}

/// Adds an on-demand room, unless a room with its id exists. Returns the room that exists.
pub(in crate::runtime) fn make_present(core: &Arc<Core>, room: Arc<RoomCell>) -> Result<Arc<RoomCell>, NotAdded> {
    loop {
        if let Some(there) = core.rooms.find(&room.id) {
            return Ok(there);
        }
        if core.rooms.is_taken(&room.id) {
            return Err(NotAdded::Exists);
        }
        match add_on_demand(core, &room) {
            // Another client was faster, and its room may have expired again.
            Err(NotAdded::Exists) => {}
            outcome => return outcome,
        }
    }
}

/// Whether an on-demand room that is present is still the incarnation that the store has. Another room with its id may have
/// been deleted while this one was prepared. If so, this one is removed.
pub(in crate::runtime) async fn is_current(core: &Arc<Core>, room: &Arc<RoomCell>) -> Result<bool, StoreFailure> {
    let Some(durable) = &core.history.durable else {
        return Ok(true);
    };
    if room.loaded.initialized() {
        return Ok(true);
    }
    let stored = read_within_deadline(core, durable.room(&room.id)).await?;
    let is_current = stored.key.epoch == room.epoch;
    if !is_current && room.lock().delete().is_some() {
        remove_room(core, room, None);
    }
    Ok(is_current)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::membership::delete_room::delete_at_once;
    use crate::{Dialogue, RoomConfig};

    #[tokio::test]
    async fn two_threads_that_create_a_room_at_once_get_one_that_exists_or_was_deleted() {
        let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
        let core = &dialogue.core;
        let template = RoomConfig::new("room").template(Arc::clone(&core.rooms.known_events));
        let template = Arc::new(template.expect("a template"));
        // Creates the room, and deletes it whichever thread has created it.
        let make_and_delete = || {
            for _ in 0..30_000 {
                let template = Arc::clone(&template);
                let room = RoomCell::new("room".into(), template, None, Origin::OnDemand, random_epoch());
                let room = make_present(core, Arc::new(room)).expect("a room");
                assert!(core.rooms.holds(&room) || room.lock().record.is_deleted());
                delete_at_once(core, &room, None);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(make_and_delete);
            scope.spawn(make_and_delete);
        });
    }
}
