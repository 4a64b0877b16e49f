//! Adds and removes rooms, and reports it to every client, to hooks and to observers.

use std::sync::Arc;

use bytes::Bytes;

use super::registry::NotAdded;
use crate::connection::ClientState;
use crate::id::RoomId;
use crate::protocol::{RoomSummary, ServerFrame};
use crate::random::random_epoch;
use crate::room::RoomCell;
use crate::runtime::clients::Clients;
use crate::runtime::core::Core;
use crate::runtime::history::archive;

/// A client that requested the change, and the id of its request. It receives a reply instead of the announcement.
pub(crate) type Requester<'a> = (&'a Arc<ClientState>, Option<i64>);

/// Which node has created or deleted a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::runtime) enum ChangedBy {
    /// This one, which calls the hooks.
    ThisNode,
    AnotherNode,
}

/// Adds a room and announces it to every client. `creator` receives a reply instead.
pub(in crate::runtime) fn add_room(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    creator: Option<Requester<'_>>,
) -> Result<(), NotAdded> {
    let queued = core.rooms.in_order(|| {
        // The room gets no event before the log of an idle room with its id is gone.
        let state = room.lock();
        core.rooms.add(Arc::clone(room))?;
        let queued = core.history.archive_idle(&core.rooms, &core.observe, &room.id);
        drop(state);
        announce_added(core, room, creator, ChangedBy::ThisNode);
        Ok(queued)
    })?;
    archive::start(core, queued);
    Ok(())
}

/// Adds and announces a room that a store has created, and that was reserved before.
pub(super) fn confirm_room(core: &Arc<Core>, room: &Arc<RoomCell>, creator: Option<Requester<'_>>) {
    core.rooms.in_order(|| {
        core.rooms.confirm(room);
        announce_added(core, room, creator, ChangedBy::ThisNode);
    });
}

/// Adds and announces an on-demand room. It continues the idle room with its id, if memory remembers one: the room that is
/// returned may therefore have another epoch than `room`.
pub(super) fn add_on_demand(core: &Arc<Core>, room: &Arc<RoomCell>) -> Result<Arc<RoomCell>, NotAdded> {
    core.rooms.in_order(|| {
        // No other room can come or go here, so nothing is appended to this log.
        let room = match core.history.remembered(&room.id) {
            Some(idle) if idle.epoch == room.incarnation => {
                room.lock().record.resume_at(idle.top);
                Arc::clone(room)
            }
            Some(idle) => {
                let other = room.in_epoch(idle.epoch);
                other.lock().record.resume_at(idle.top);
                Arc::new(other)
            }
            // The store knows which incarnation it is.
            None if core.history.durable.is_some() => Arc::clone(room),
            None if room.lock().record.is_continuation() => Arc::new(room.in_epoch(random_epoch())),
            None => Arc::clone(room),
        };
        let mut state = room.lock();
        core.rooms.add(Arc::clone(&room))?;
        state.record.note_added();
        drop(state);
        announce_added(core, &room, None, ChangedBy::ThisNode);
        Ok(room)
    })
}

/// Announces a room that was added. Call it in [order](super::registry::Rooms::in_order) with the addition.
pub(super) fn announce_added(core: &Arc<Core>, room: &Arc<RoomCell>, creator: Option<Requester<'_>>, by: ChangedBy) {
    if room.is_listed() {
        announce(&core.clients, creator, |id| {
            ServerFrame::RoomCreated { id, room: info(room) }.encode()
        });
    }
    core.observe
        .room_created(&room.id, &room.template.name, room.template.max_size);
    if by == ChangedBy::ThisNode {
        core.notify_in_order(&room.hooks, |hooks| &hooks.on_room_created, core.room(room));
    }
}

/// Announces that another node has deleted a room that is not loaded here. Call it in
/// [order](super::registry::Rooms::in_order) with the change.
pub(super) fn announce_removed(core: &Core, id: &RoomId) {
    announce(&core.clients, None, |_| {
        ServerFrame::RoomDeleted { id: None, room_id: id }.encode()
    });
    core.observe.room_deleted(id);
}

/// Removes a deleted room and announces that to every client. `requester` receives a reply instead. Does nothing if the
/// room has been removed before.
pub(in crate::runtime) fn remove_room(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    requester: Option<Requester<'_>>,
    by: ChangedBy,
) {
    core.rooms.remove_and(room, || {
        if room.is_listed() {
            announce(&core.clients, requester, |id| {
                ServerFrame::RoomDeleted { id, room_id: &room.id }.encode()
            });
        }
        core.observe.room_deleted(&room.id);
        if by == ChangedBy::ThisNode {
            core.notify_in_order(&room.hooks, |hooks| &hooks.on_room_deleted, core.room(room));
        }
    });
}

/// Sends a frame to every client. The requester's frame carries the id of its request.
fn announce(clients: &Clients, requester: Option<Requester<'_>>, frame: impl Fn(Option<i64>) -> Bytes) {
    let reply = requester.map(|(client, id)| (client, frame(id)));
    clients.broadcast(&frame(None), reply);
}

/// Describes a room as clients see it.
pub(crate) fn info(room: &RoomCell) -> RoomSummary<'_> {
    RoomSummary {
        id: &room.id,
        name: &room.template.name,
        description: room.template.description.as_deref(),
        size: room.lock().record.size(),
        max_size: room.template.max_size,
        created_by_id: room.created_by.as_ref(),
    }
}
