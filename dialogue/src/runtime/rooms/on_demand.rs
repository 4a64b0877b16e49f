//! On-demand rooms: prepared for the first client that joins, and added once `before_join` has approved the join. For the
//! server, such a room is there as soon as it has a log.

use std::sync::Arc;

use super::account::LoadedFor;
use super::announce::add_on_demand;
use super::expiry::note_if_empty;
use super::load::{RoomUnavailable, find_or_load};
use super::registry::NotAdded;
use crate::connection::ClientState;
use crate::id::RoomId;
use crate::log::{Remembered, StoreFailure};
use crate::random::random_epoch;
use crate::room::{Origin, RoomCell, RoomTemplate};
use crate::runtime::core::Core;
use crate::runtime::deadline::read_within_deadline;
use crate::runtime::history::keep::room_key;
use crate::runtime::history::load::ensure_loaded;
use crate::runtime::membership::delete_at_once::end_deleted;

/// Finds the room with this id. If there is none and its family creates rooms on demand, prepares a room that is ready
/// to be added. It takes a share of the client's holder. Without a store, this waits for nothing.
pub(in crate::runtime) async fn find_or_prepare(
    core: &Arc<Core>,
    client: &ClientState,
    room_id: &str,
) -> Result<Option<Arc<RoomCell>>, RoomUnavailable> {
    if let Some(room) = find_or_load(core, room_id, LoadedFor::Client(client)).await? {
        return Ok(Some(room));
    }
    let Some(template) = template_of(core, room_id) else {
        return Ok(None);
    };
    let room = prepare(core, room_id.into(), template).await?;
    Ok(Some(Arc::new(room.held_by(client.holder()))))
}

/// The template of the on-demand rooms that an id belongs to.
pub(in crate::runtime) fn template_of(core: &Core, room_id: &str) -> Option<Arc<RoomTemplate>> {
    let blueprint = core.rooms.blueprint(room_id)?;
    let is_on_demand = blueprint.template.family.on_demand && RoomId::is_valid(room_id);
    is_on_demand.then(|| Arc::clone(&blueprint.template))
}

/// Prepares a room that continues the idle room with its id, if there was one.
async fn prepare(core: &Core, id: RoomId, template: Arc<RoomTemplate>) -> Result<RoomCell, StoreFailure> {
    let idle = match &core.history.durable {
        None => core.history.remembered(&id),
        // The last number is read when the room's log is loaded.
        Some(durable) => {
            let epoch = read_within_deadline(core, durable.room(&id)).await?.key.epoch;
            Some(Remembered { epoch, top: 0 })
        }
    };
    let epoch = idle.as_ref().map_or_else(random_epoch, |idle| Arc::clone(&idle.epoch));
    let room = RoomCell::new(id, template, None, Origin::OnDemand, epoch);
    if let Some(idle) = idle {
        room.lock().record.resume_at(idle.top);
    }
    Ok(room)
}

/// A room that the server uses. If nobody joins it, an idle room expires from then on when this is dropped.
pub(in crate::runtime) struct InUse {
    core: Arc<Core>,
    pub(in crate::runtime) room: Arc<RoomCell>,
    was_idle: bool,
}

impl Drop for InUse {
    fn drop(&mut self) {
        if self.was_idle {
            note_if_empty(&self.core, &self.room);
        }
    }
}

/// Finds the room with this id for the server, and with this epoch if there is one. An idle on-demand room that has a log
/// becomes present, as for a client that joins. If the room is about to get a log (`begins_log`), it need not have one.
///
/// Safe to drop: the room is present or not.
pub(in crate::runtime) async fn find_for_server(
    core: &Arc<Core>,
    id: &str,
    epoch: Option<&str>,
    begins_log: impl FnOnce(&RoomTemplate) -> bool,
) -> Result<Option<InUse>, RoomUnavailable> {
    let is_meant = |room: &RoomCell| epoch.is_none_or(|epoch| *epoch == *room.incarnation);
    let in_use = |room, was_idle| InUse {
        core: Arc::clone(core),
        room,
        was_idle,
    };
    let template = template_of(core, id);
    let begins_log = epoch.is_none() && template.as_deref().is_some_and(begins_log);
    loop {
        if let Some(room) = find_or_load(core, id, LoadedFor::Server).await? {
            return Ok(is_meant(&room).then(|| in_use(room, false)));
        }
        let Some(template) = template.clone() else {
            return Ok(None);
        };
        let room = prepare(core, id.into(), template).await?;
        if !is_meant(&room) || !(begins_log || has_log(core, &room).await?) {
            return Ok(None);
        }
        let used = match make_present(core, Arc::new(room)) {
            Ok(room) => in_use(room, true),
            Err(NotAdded::Exists) => return Ok(None),
            Err(NotAdded::LimitExceeded(exceeded)) => return Err(RoomUnavailable::LimitExceeded(exceeded)),
        };
        if is_current(core, &used.room).await? {
            return Ok(is_meant(&used.room).then_some(used));
        }
    }
}

/// Whether an event of this incarnation was ever numbered.
async fn has_log(core: &Core, room: &RoomCell) -> Result<bool, StoreFailure> {
    let top = match &core.history.durable {
        None => room.lock().record.seq(),
        Some(durable) => read_within_deadline(core, durable.top(room_key(room))).await?,
    };
    Ok(top > 0)
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

/// Loads the log of a room that was found or made present. Returns whether it is still present, and the incarnation that the
/// store has: another room with its id may have been deleted while an on-demand room was prepared. If so, this one is
/// deleted.
pub(in crate::runtime) async fn is_current(core: &Arc<Core>, room: &Arc<RoomCell>) -> Result<bool, StoreFailure> {
    ensure_loaded(core, room).await?;
    let is_current = core.history.durable.is_none() || room.loaded.initialized();
    if !is_current {
        end_deleted(core, room);
    }
    Ok(is_current)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::fake_store::FakeStore;
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
                end_deleted(core, &room);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(make_and_delete);
            scope.spawn(make_and_delete);
        });
    }

    #[tokio::test]
    async fn an_id_that_is_reserved_for_a_room_of_the_store_is_not_taken_by_a_join() {
        let dialogue = Dialogue::builder()
            .define_events([])
            .durable(FakeStore::new())
            .build()
            .expect("a server");
        let core = &dialogue.core;
        let template = RoomConfig::new("room").template(Arc::clone(&core.rooms.known_events));
        let template = Arc::new(template.expect("a template"));
        let room = |origin| {
            let template = Arc::clone(&template);
            Arc::new(RoomCell::new("room".into(), template, None, origin, random_epoch()))
        };
        let created = room(Origin::Server);
        core.rooms.reserve(&created).expect("a reservation");
        assert_eq!(core.rooms.add(room(Origin::OnDemand)), Err(NotAdded::Exists));
        core.rooms.confirm(&created);
        assert!(core.rooms.unload(&created, || {}), "it stays in the store");
        assert_eq!(core.rooms.add(room(Origin::OnDemand)), Err(NotAdded::Exists));
    }
}
