//! The expiry of empty rooms: on-demand rooms, and rooms that an anonymous user created before it disconnected.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::announce::remove_room;
use super::idle::EmptyRoom;
use crate::room::{Origin, RoomCell};
use crate::runtime::clients::Clients;
use crate::runtime::core::Core;
use crate::runtime::history::archive;

/// The shortest time between two checks whether the creator of an empty room is still connected.
const CREATOR_CHECK: Duration = Duration::from_secs(1);

/// Queues a room for its expiry if it is empty and of a kind that expires. Never waits.
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
    let worker = Arc::clone(core);
    let expire_all = move || {
        let core = Arc::clone(&worker);
        async move { work(&core).await }.boxed()
    };
    core.rooms.idle.worker.push_again(&core.lifecycle.tasks, expire_all);
}

/// Removes rooms that have been empty for long enough, until the queue is empty.
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
            None => {
                if let Some(later) = expire(core, &room, empty) {
                    core.rooms.idle.push(later);
                }
            }
        }
    }
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
    // If empty rooms expire at once, the loop would otherwise never pause.
    let pause = CREATOR_CHECK.saturating_sub(idle);
    Some(EmptyRoom {
        room: empty.room.clone(),
        since: Instant::now() + pause,
        joins: empty.joins,
        creator_gone,
    })
}

/// Removes a room, if it has been empty since it was queued. An on-demand room is only idle: memory keeps its numbers and its
/// history. The history of another room is archived. Returns the queue entry for a later attempt if one of the room's events is
/// on its way through a store.
fn expire(core: &Arc<Core>, room: &Arc<RoomCell>, empty: EmptyRoom) -> Option<EmptyRoom> {
    let queued = {
        let mut state = room.lock();
        if !state.record.is_empty_since(empty.joins) {
            return None;
        }
        if state.record.is_appending() {
            let since = Instant::now() + CREATOR_CHECK.saturating_sub(core.limits.on_demand_idle);
            return Some(EmptyRoom { since, ..empty });
        }
        state.delete()?;
        if room.origin == Origin::OnDemand {
            core.history.retire(room, state.record.seq());
            None
        } else {
            core.history.archive_room(&core.rooms, &core.observe, room)
        }
    };
    archive::start(core, queued);
    remove_room(core, room, None);
    None
}
