//! Applies events that a store has and that this server was not told of: those whose outcome was unknown.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::after::call_hooks;
use super::apply::{apply, queue_unread};
use crate::log::{LogBounds, Replay, StoredEvent};
use crate::protocol::EventFrame;
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::history::keep::room_key;
use crate::runtime::observe::emit::Involved;
use crate::runtime::observe::log_line::log_line;
use crate::store_failure::StoreFailure;

/// The pause after a failed read.
const PAUSE: Duration = Duration::from_secs(1);

/// The most events that may be missing here: far more than one server hands over before it learns of an outcome.
const MOST_MISSING: LogBounds = LogBounds {
    events: 100_000,
    bytes: 256 * 1024 * 1024,
};

/// Applies every event up to the number `through` that is not applied yet. Waits while the store cannot be read.
pub(super) async fn catch_up(core: &Arc<Core>, room: &Arc<RoomCell>, through: u64) {
    loop {
        let applied = room.lock().record.seq();
        if applied >= through {
            return;
        }
        match read(core, room, applied, through).await {
            Ok(missing) => {
                apply_all(core, room, missing);
                return room.lock().record.reach(through);
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Applies every event that the store has, if no other change of the room is on its way. Then finds out about the changes
/// whose outcome is unknown. Returns false if that must wait.
pub(super) async fn catch_up_entirely(core: &Arc<Core>, room: &Arc<RoomCell>) -> bool {
    let queue = room.applying();
    // Once the store works again, what it says of earlier changes is final.
    let health = core.history.durable.as_ref().map(|store| store.health());
    if health.is_none_or(|health| health.failing.is_some()) {
        return false;
    }
    let (applied, is_alone, is_deleted) = {
        let state = room.lock();
        let is_alone = state.record.appending() == queue.unknown();
        (state.record.seq(), is_alone, state.record.is_deleted())
    };
    if !is_deleted {
        // Any other change comes to the queue, and everything before it is applied then.
        if !is_alone {
            return false;
        }
        let Ok(missing) = read(core, room, applied, u64::MAX).await else {
            return false;
        };
        if room.lock().record.appending() != queue.unknown() {
            return false;
        }
        apply_all(core, room, missing);
    }
    resolve_unknown(room).await
}

/// Finds out about the changes whose outcome is unknown, after every event of the store before a later one was applied.
/// Returns false if some are still unknown.
pub(super) async fn resolve_unknown(room: &RoomCell) -> bool {
    let queue = room.applying();
    while let Some(resolve) = queue.first_unknown() {
        if !resolve().await {
            return false;
        }
        drop((queue.pop_unknown(), resolve));
        queue.note_progress();
    }
    true
}

async fn read(core: &Core, room: &RoomCell, after: u64, through: u64) -> Result<Vec<StoredEvent>, StoreFailure> {
    let Some(store) = &core.history.durable else {
        return Ok(Vec::new());
    };
    let everything = Arc::new(|_: &str| true);
    match store
        .since(room_key(room), after, through, everything, MOST_MISSING)
        .await?
    {
        Replay::Complete(events) => Ok(events),
        Replay::Lost => {
            log_line!(
                ERROR,
                *core,
                Involved::default().in_room(&room.id),
                "",
                {},
                "the store no longer has events that it stored a moment ago: clients do not receive them"
            );
            Ok(Vec::new())
        }
    }
}

/// Applies events that no trigger waits for, oldest first.
fn apply_all(core: &Arc<Core>, room: &Arc<RoomCell>, events: Vec<StoredEvent>) {
    for stored in events {
        let (Some(seq), frame) = (stored.seq, EventFrame::of_text(&stored.body)) else {
            continue;
        };
        // Decoded without the lock, because it may log. No handler of the application may take an erased event for a valid one.
        let message = stored.decode().filter(|message| !message.erased);
        let setting = room.template.policy.definition(&stored.event);
        let default = core.history.log.config().max_events_per_type;
        let limit = setting.and_then(|definition| definition.history().limit(default));
        let applied = {
            let mut state = room.lock();
            if state.record.is_deleted() || seq <= state.record.seq() {
                continue;
            }
            state.record.reach(seq);
            let event = stored.event.clone();
            core.history
                .keep_in_window(&core.rooms, &core.observe, room, stored, limit.unwrap_or(default));
            match message {
                Some(message) => Some(apply(core, room, &state, None, message, &frame)),
                None => {
                    queue_unread(&state, &event, &frame);
                    None
                }
            }
        };
        if let Some((message, delivery)) = applied {
            call_hooks(core, room, None, message, delivery, 0);
        }
    }
}
