//! The expiry of empty rooms: on-demand rooms, and rooms that an anonymous user created before it disconnected.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::announce::{ChangedBy, remove_room};
use super::idle::EmptyRoom;
use crate::cluster::UnusedDeletion;
use crate::room::{Origin, RoomCell};
use crate::runtime::clients::Clients;
use crate::runtime::core::Core;
use crate::runtime::history::archive;
use crate::runtime::membership::delete_room::delete_unused_room;

/// The shortest time between two checks whether the creator of an empty room is still connected.
const CREATOR_CHECK: Duration = Duration::from_secs(1);

/// Queues a room for its expiry if it is empty and of a kind that expires. Never waits.
pub(in crate::runtime) fn note_if_empty(core: &Arc<Core>, room: &Arc<RoomCell>) {
    // With a store, created rooms leave this process when nobody needs them.
    let goes = matches!(room.origin, Origin::OnDemand | Origin::Anonymous) || is_in_store(core, room);
    if !goes || core.lifecycle.is_stopping() {
        return;
    }
    let joins = {
        let mut state = room.lock();
        // A room that is only prepared has no log that could become idle.
        match room.is_present(&state) {
            true => state.record.note_empty(),
            false => None,
        }
    };
    let Some(joins) = joins else {
        return;
    };
    let empty = EmptyRoom {
        room: Arc::downgrade(room),
        since: Instant::now(),
        joins,
        creator_gone: false,
    };
    queue(core, empty);
}

/// A room that a join needs. When this is dropped and nobody is in the room, the room expires from then on. A stored room that
/// nobody has joined since it was loaded leaves this process at once, so that joins that fail take no places.
pub(in crate::runtime) struct Needed<'a> {
    core: &'a Arc<Core>,
    pub(in crate::runtime) room: Arc<RoomCell>,
}

impl<'a> Needed<'a> {
    pub(in crate::runtime) fn new(core: &'a Arc<Core>, room: Arc<RoomCell>) -> Self {
        Self { core, room }
    }
}

impl Drop for Needed<'_> {
    fn drop(&mut self) {
        let (core, room) = (self.core, &self.room);
        if !is_in_store(core, room) || !unload_unused(core, room) {
            note_if_empty(core, room);
        }
    }
}

/// Unloads a created room that nobody has joined since it was loaded, unless it is used. Returns whether it is unloaded.
fn unload_unused(core: &Arc<Core>, room: &Arc<RoomCell>) -> bool {
    let state = room.lock();
    state.record.is_empty_since(0)
        && !state.record.is_appending()
        && room.origin != Origin::Anonymous
        && core.rooms.unload(room, || core.history.forget(room))
}

/// Whether a store has this room as a created one.
fn is_in_store(core: &Core, room: &RoomCell) -> bool {
    core.history.durable.is_some() && core.rooms.is_stored(&room.id)
}

fn queue(core: &Arc<Core>, empty: EmptyRoom) {
    core.rooms.idle.push(empty);
    let server = Arc::downgrade(core);
    let expire_all = move || work(Weak::clone(&server)).boxed();
    core.rooms.idle.worker.push_again(&core.lifecycle.tasks, expire_all);
}

/// Removes rooms that have been empty for long enough, until the queue is empty. Does not keep the server alive while it waits:
/// a store must close with the last handle.
async fn work(server: Weak<Core>) {
    while let Some((due, stopping)) = server.upgrade().and_then(|core| next_due(&core)) {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep_until(due) => {}
        }
        let Some(core) = server.upgrade() else {
            return;
        };
        let core = &core;
        let Some(empty) = core.rooms.idle.pop() else {
            return;
        };
        let Some(room) = empty.room.upgrade() else {
            continue;
        };
        if let Some(empty) = recheck_creator(&core.clients, core.limits.on_demand_idle, &room, &empty) {
            core.rooms.idle.push(empty);
        } else if core.history.durable.is_some() && room.origin != Origin::OnDemand {
            expire_stored(core, &room, empty);
        } else if !expire(core, &room, empty.joins) {
            core.rooms.idle.push(later(core, empty));
        }
    }
}

/// When the first empty room is due, and what ends the wait for it.
fn next_due(core: &Core) -> Option<(Instant, CancellationToken)> {
    let since = core.rooms.idle.first_since()?;
    Some((since + core.limits.on_demand_idle, core.lifecycle.stopping.clone()))
}

/// Returns the queue entry for a later check if an empty room must wait for its anonymous creator. The room expires
/// once two checks in a row have found the creator gone, so that a page reload between them does not count.
fn recheck_creator(clients: &Clients, idle: Duration, room: &RoomCell, empty: &EmptyRoom) -> Option<EmptyRoom> {
    if room.origin != Origin::Anonymous || !room.lock().record.is_empty_since(empty.joins) {
        return None;
    }
    let creator = room.created_by.as_ref()?;
    let creator_gone = !clients.user_has(creator, |_| true);
    if creator_gone && empty.creator_gone {
        return None;
    }
    Some(EmptyRoom {
        creator_gone,
        ..again(empty, idle)
    })
}

/// The queue entry for a later check.
fn again(empty: &EmptyRoom, idle: Duration) -> EmptyRoom {
    EmptyRoom {
        room: empty.room.clone(),
        // If empty rooms expire at once, the loop would otherwise never pause.
        since: Instant::now() + CREATOR_CHECK.saturating_sub(idle),
        joins: empty.joins,
        creator_gone: empty.creator_gone,
    }
}

fn later(core: &Core, empty: EmptyRoom) -> EmptyRoom {
    again(&empty, core.limits.on_demand_idle)
}

/// Lets a created room leave this process, if it is still empty. A room of an anonymous user that is gone is deleted, others
/// stay in the store. Checks the room again later if it is in use.
fn expire_stored(core: &Arc<Core>, room: &Arc<RoomCell>, empty: EmptyRoom) {
    let is_done = {
        // Until the room is unloaded, nobody becomes a member or hands over an event.
        let state = room.lock();
        match state.record.is_empty_since(empty.joins) {
            true if state.record.is_appending() => false,
            true if room.origin == Origin::Anonymous => {
                drop(state);
                return start_deletion(core, room, empty);
            }
            true => core.rooms.unload(room, || core.history.forget(room)),
            false => true,
        }
    };
    if !is_done {
        core.rooms.idle.push(later(core, empty));
    }
}

/// Deletes an empty room in a task of its own: a store that stalls must not delay the expiry of other rooms. Checks the room
/// again if that fails. A room that another node uses only leaves this process.
fn start_deletion(core: &Arc<Core>, room: &Arc<RoomCell>, empty: EmptyRoom) {
    let (core, room) = (Arc::clone(core), Arc::clone(room));
    core.lifecycle.tasks.clone().spawn(async move {
        match delete_unused_room(&core, &room).await {
            Ok(UnusedDeletion::Deleted | UnusedDeletion::NoSuchRoom) => {}
            Ok(UnusedDeletion::Used) => leave_to_others(&core, room, empty),
            Err(_) => queue(&core, later(&core, empty)),
        }
    });
}

/// Lets an empty room leave this process that another node uses. This node looks after it again later: the other one may find
/// that this one uses it, at the same time, or may fail.
fn leave_to_others(core: &Arc<Core>, room: Arc<RoomCell>, empty: EmptyRoom) {
    let unloaded = {
        let state = room.lock();
        let is_unused = state.record.is_empty_since(empty.joins) && !state.record.is_appending();
        // The caller's handle has a copy of its own.
        is_unused && core.rooms.unload(&room, || core.history.forget(&room))
    };
    match unloaded {
        true => core.rooms.leftovers.add([room.id.clone()]),
        false => queue(core, later(core, empty)),
    }
}

/// Removes a room, if it has been empty since the number of joins was `joins`. An on-demand room is only idle: memory keeps
/// its numbers and its history. The history of another room is archived.
/// Returns false if the room must be checked again.
fn expire(core: &Arc<Core>, room: &Arc<RoomCell>, joins: u64) -> bool {
    let queued = {
        let mut state = room.lock();
        if !state.record.is_empty_since(joins) {
            return true;
        }
        if state.record.is_appending() {
            return false;
        }
        if state.delete().is_none() {
            return true;
        }
        if room.origin == Origin::OnDemand {
            core.history.retire(room, state.record.seq());
            None
        } else {
            core.history.archive_room(&core.rooms, &core.observe, room)
        }
    };
    archive::start(core, queued);
    remove_room(core, room, None, ChangedBy::ThisNode);
    true
}
