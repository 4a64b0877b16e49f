//! On-demand rooms: prepared for the first client that joins, and added once `before_join` has approved the join.

use std::sync::Arc;

use super::announce::add_on_demand;
use super::registry::{NotAdded, Rooms};
use crate::connection::ClientState;
use crate::id::RoomId;
use crate::limit_exceeded::LimitExceeded;
use crate::random::random_epoch;
use crate::room::{Origin, RoomCell};
use crate::runtime::core::Core;
use crate::runtime::history::keep::History;

/// Finds the room with this id. If there is none and its family creates rooms on demand, prepares a room that is ready
/// to be added. It takes a share of the client's holder.
pub(in crate::runtime) fn find_or_prepare(
    rooms: &Rooms,
    history: &History,
    client: &ClientState,
    room_id: &str,
) -> Option<Arc<RoomCell>> {
    rooms.find(room_id).or_else(|| {
        let blueprint = rooms.blueprint(room_id)?;
        if !blueprint.template.family.on_demand || !RoomId::is_valid(room_id) {
            return None;
        }
        let template = Arc::clone(&blueprint.template);
        let idle = history.remembered(room_id);
        let epoch = idle.as_ref().map_or_else(random_epoch, |idle| Arc::clone(&idle.epoch));
        let room = RoomCell::new(room_id.into(), template, None, Origin::OnDemand, epoch).held_by(client.holder());
        if let Some(idle) = idle {
            room.lock().record.resume_at(idle.top);
        }
        Some(Arc::new(room))
    })
}

/// Adds an on-demand room, unless a room with its id exists. Returns the room that exists.
pub(in crate::runtime) fn make_present(core: &Arc<Core>, room: Arc<RoomCell>) -> Result<Arc<RoomCell>, LimitExceeded> {
    loop {
        if let Some(there) = core.rooms.find(&room.id) {
            return Ok(there);
        }
        match add_on_demand(core, &room) {
            Ok(added) => return Ok(added),
            // Another client was faster, and its room may have expired again.
            Err(NotAdded::Exists) => {}
            Err(NotAdded::LimitExceeded(exceeded)) => return Err(exceeded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::delete_room;
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
                delete_room(core, &room, None);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(make_and_delete);
            scope.spawn(make_and_delete);
        });
    }
}
