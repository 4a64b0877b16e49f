//! What ends by time: rooms that nobody has been in for a while, if they are on demand or their creator is an anonymous user
//! who is gone, and the secrets of connections that have ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::room::{Origin, RoomCell};
use crate::runtime::core::Core;
use crate::runtime::rooms::idle::Empty;

/// How often it is looked whether the creator of an empty room is still there, at most.
const FIND_GONE: Duration = Duration::from_secs(1);

/// Notes it if a room is empty that goes after a while then. Never waits.
pub(in crate::runtime) fn note_if_empty(core: &Arc<Core>, room: &Arc<RoomCell>) {
    if !matches!(room.origin, Origin::OnDemand | Origin::Anonymous) || core.is_stopping() {
        return;
    }
    let Some(joins) = room.lock().note_empty() else {
        return;
    };
    core.idle_rooms.push(Empty {
        room: Arc::downgrade(room),
        since: Instant::now(),
        joins,
        abandoned: false,
    });
    // One worker at work and one to come see all that waits.
    let worker = Arc::clone(core);
    core.idle_rooms
        .worker
        .push(1, &core.tasks, Box::pin(async move { work(&worker).await }));
}

/// Removes what has been empty for long enough, until nothing waits.
async fn work(core: &Arc<Core>) {
    while let Some(since) = core.idle_rooms.first_since() {
        tokio::select! {
            () = core.stopping.cancelled() => return,
            () = tokio::time::sleep_until(since + core.limits.on_demand_idle) => {}
        }
        let Some(empty) = core.idle_rooms.pop() else {
            return;
        };
        let Some(room) = empty.room.upgrade() else {
            continue;
        };
        match stays_for_its_creator(core, &room, &empty) {
            Some(empty) => core.idle_rooms.push(empty),
            None => retire(core, &room, empty.joins),
        }
    }
}

/// What is to be looked at again of an empty room that its creator may still want: until the creator has been gone twice in a
/// row, so that a reload in between does not count.
fn stays_for_its_creator(core: &Core, room: &RoomCell, empty: &Empty) -> Option<Empty> {
    if room.origin != Origin::Anonymous || !room.lock().is_empty_since(empty.joins) {
        return None;
    }
    let creator = room.created_by.as_ref()?;
    let abandoned = core.clients.read().of_user(creator).next().is_none();
    if abandoned && empty.abandoned {
        return None;
    }
    // Where empty rooms go at once, this would never wait.
    let more = FIND_GONE.saturating_sub(core.limits.on_demand_idle);
    Some(Empty {
        room: empty.room.clone(),
        since: Instant::now() + more,
        joins: empty.joins,
        abandoned,
    })
}

/// Sees to it that the secrets of ended connections are forgotten when their time is over. Never waits.
pub(in crate::runtime) fn forget_resumes_in_time(core: &Arc<Core>) {
    core.resumes.expire(Instant::now());
    if core.resumes.next_due().is_none() || core.is_stopping() {
        return;
    }
    // Two minutes are long: meanwhile it keeps nothing alive, and nobody waits for it.
    let (worker, stopping) = (Arc::downgrade(core), core.stopping.clone());
    let forget = async move {
        while let Some(due) = worker.upgrade().and_then(|core| core.resumes.next_due()) {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep_until(due) => {}
            }
            if let Some(core) = worker.upgrade() {
                core.resumes.expire(Instant::now());
            }
        }
    };
    core.resumes.worker.push(1, &core.resumes.tasks, Box::pin(forget));
}

/// Removes a room that is empty and has been since `joins`; its history is handed over.
fn retire(core: &Arc<Core>, room: &Arc<RoomCell>, joins: u64) {
    {
        let mut state = room.lock();
        if !state.is_empty_since(joins) || state.delete().is_none() {
            return;
        }
        core.hand_over(core.history.forget_room(&room.id));
    }
    core.remove_room(room, None);
}
