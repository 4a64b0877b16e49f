//! The expiry of empty rooms: on-demand rooms, and those of an anonymous user that has gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::announce::remove_room;
use super::idle::EmptyRoom;
use crate::room::{Origin, RoomCell};
use crate::runtime::clients::Clients;
use crate::runtime::core::Core;
use crate::runtime::history::archive;

/// How often it is looked whether the creator of an empty room is still there, at most.
const CREATOR_CHECK: Duration = Duration::from_secs(1);

/// Notes it if a room is empty that goes after a while then. Never waits.
pub(in crate::runtime) fn note_if_empty(core: &Arc<Core>, room: &Arc<RoomCell>) {
    if !matches!(room.origin, Origin::OnDemand | Origin::Anonymous) || core.lifecycle.is_stopping() {
        return;
    }
    let Some(joins) = room.lock().record.note_empty() else {
        return;
    };
    core.rooms.idle.push(EmptyRoom {
        room: Arc::downgrade(room),
        since: Instant::now(),
        joins,
        creator_gone: false,
    });
    // One worker at work and one to come see all that waits.
    let worker = Arc::clone(core);
    core.rooms
        .idle
        .worker
        .push(1, &core.lifecycle.tasks, Box::pin(async move { work(&worker).await }));
}

/// Removes what has been empty for long enough, until nothing waits.
async fn work(core: &Arc<Core>) {
    while let Some(since) = core.rooms.idle.first_since() {
        tokio::select! {
            () = core.lifecycle.stopping() => return,
            () = tokio::time::sleep_until(since + core.limits.on_demand_idle) => {}
        }
        let Some(empty) = core.rooms.idle.pop() else {
            return;
        };
        let Some(room) = empty.room.upgrade() else {
            continue;
        };
        match recheck_creator(&core.clients, core.limits.on_demand_idle, &room, &empty) {
            Some(empty) => core.rooms.idle.push(empty),
            None => expire(core, &room, empty.joins),
        }
    }
}

/// What is to be looked at again of an empty room that its creator may still want: until the creator has been gone twice in a
/// row, so that a reload in between does not count.
fn recheck_creator(clients: &Clients, idle: Duration, room: &RoomCell, empty: &EmptyRoom) -> Option<EmptyRoom> {
    if room.origin != Origin::Anonymous || !room.lock().record.is_empty_since(empty.joins) {
        return None;
    }
    let creator = room.created_by.as_ref()?;
    let creator_gone = !clients.user_has(creator, |_| true);
    if creator_gone && empty.creator_gone {
        return None;
    }
    // Where empty rooms go at once, this would never wait.
    let pause = CREATOR_CHECK.saturating_sub(idle);
    Some(EmptyRoom {
        room: empty.room.clone(),
        since: Instant::now() + pause,
        joins: empty.joins,
        creator_gone,
    })
}

/// Removes a room that is empty and has been since `joins`; its history is handed over.
fn expire(core: &Arc<Core>, room: &Arc<RoomCell>, joins: u64) {
    {
        let mut state = room.lock();
        if !state.record.is_empty_since(joins) || state.delete().is_none() {
            return;
        }
        archive::start(core, core.history.archive_room(&core.rooms, &core.observe, room));
    }
    remove_room(core, room, None);
}
