//! What ends by time: on-demand rooms that nobody has been in for a while, and the secrets of connections that have ended.

use std::sync::Arc;

use tokio::time::Instant;

use super::core::Core;
use super::idle_rooms::Empty;
use crate::room::{Origin, RoomCell};

/// Notes it if an on-demand room is empty: it goes after a while. Never waits.
pub(super) fn note_if_empty(core: &Arc<Core>, room: &Arc<RoomCell>) {
    if room.origin != Origin::OnDemand || core.is_stopping() {
        return;
    }
    let joins = {
        let state = room.lock();
        if state.len() > 0 {
            return;
        }
        state.joins()
    };
    core.idle_rooms.push(Empty {
        room: Arc::downgrade(room),
        since: Instant::now(),
        joins,
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
        if let Some(room) = empty.room.upgrade() {
            retire(core, &room, empty.joins);
        }
    }
}

/// Sees to it that the secrets of ended connections are forgotten when their time is over. Never waits.
pub(super) fn forget_resumes_in_time(core: &Arc<Core>) {
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
        if state.len() > 0 || state.joins() != joins || state.delete().is_none() {
            return;
        }
        let kept = core.history.forget_room(&room.id);
        core.hand_over(&room.id, &room.epoch, kept.into_iter().map(|evicted| evicted.entry));
    }
    core.remove_room(room, None);
}
