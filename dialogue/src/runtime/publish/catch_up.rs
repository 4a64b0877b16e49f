//! Applies events whose outcome was unknown and that the store has after all.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::after::call_hooks;
use super::apply::{apply, decoded_for_observers, deliver_of_cluster, queue_unread};
use crate::cluster::Contact;
use crate::connection::Close;
use crate::log::{LogBounds, Replay, StoredEvent};
use crate::protocol::{CloseCode, EventFrame};
use crate::room::{RoomCell, ServedRoomState};
use crate::runtime::core::Core;
use crate::runtime::deadline::log_failed_read;
use crate::runtime::history::key::room_key_in;
use crate::runtime::history::load::load_again;
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

/// Applies every event up to the number `through` that is not applied yet. Waits while the store cannot be read. Fails if it
/// will not be read any more, because the server has stopped. If the log of a cluster has another epoch by now, requests a
/// check, and applies nothing.
pub(super) async fn catch_up(core: &Arc<Core>, room: &Arc<RoomCell>, through: u64) -> Result<(), StoreFailure> {
    loop {
        let (epoch, applied) = {
            let mut state = room.lock();
            if state.record.is_deleted() {
                state.record.reach(through);
            }
            (Arc::clone(state.record.epoch()), state.record.seq())
        };
        if applied >= through {
            return Ok(());
        }
        let filled = async {
            match read(core, room, &epoch, applied, through).await? {
                Replay::Complete(missing) => apply_all(core, room, missing),
                Replay::Lost if has_other_epoch(core, room, &epoch).await? => {
                    room.applying().request_check();
                    return Ok(());
                }
                Replay::Lost => skip_lost(core, room, Some(through), |_| true).await?,
            }
            room.lock().record.reach(through);
            Ok(())
        };
        let filled = tokio::select! {
            filled = filled => filled,
            () = core.lifecycle.stopped() => Err(StoreFailure::Closed),
        };
        match filled {
            Ok(()) | Err(StoreFailure::Closed) => return filled,
            Err(failure) => {
                log_failed_read(core, &failure);
                sleep(PAUSE).await;
            }
        }
    }
}

/// Why members are disconnected.
const LOST: &str = "the server no longer has events that this client has not received";

/// Applies every event that the store has, if no other change of the room is on its way. Then finds out about the changes
/// whose outcome is unknown. Returns false if that must wait.
pub(super) async fn catch_up_entirely(core: &Arc<Core>, room: &Arc<RoomCell>) -> bool {
    let queue = room.applying();
    if !is_final(core) {
        return false;
    }
    let (epoch, applied, is_alone, is_deleted) = {
        let state = room.lock();
        let is_alone = state.record.appending() == queue.unknown();
        let epoch = Arc::clone(state.record.epoch());
        (epoch, state.record.seq(), is_alone, state.record.is_deleted())
    };
    if !is_deleted {
        // Any other change comes to the queue, and everything before it is applied then.
        if !is_alone {
            return false;
        }
        let is_alone = |state: &ServedRoomState| state.record.appending() == queue.unknown();
        match read(core, room, &epoch, applied, u64::MAX).await {
            Ok(Replay::Complete(missing)) => {
                if !is_alone(&room.lock()) {
                    return false;
                }
                apply_all(core, room, missing);
            }
            Ok(Replay::Lost) => {
                if has_other_epoch(core, room, &epoch).await != Ok(false) {
                    queue.request_check();
                    return false;
                }
                if skip_lost(core, room, None, is_alone).await.is_err() {
                    return false;
                }
            }
            Err(_) => return false,
        }
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

/// Whether what the store says of changes whose outcome was unknown is final: it works again.
fn is_final(core: &Core) -> bool {
    match (&core.cluster, &core.history.durable) {
        // It says that an outcome is unknown when it will not find out any more.
        (Some(cluster), _) => *cluster.contact().borrow() == Contact::Connected,
        (None, Some(store)) => store.health().failing.is_none(),
        (None, None) => false,
    }
}

/// Whether the log of a cluster has another epoch than this one by now: then it has not lost what was read in this one, but
/// the room does not know its epoch.
async fn has_other_epoch(core: &Core, room: &RoomCell, epoch: &str) -> Result<bool, StoreFailure> {
    match &core.cluster {
        None => Ok(false),
        Some(cluster) => Ok(*cluster.position(room.id.clone()).await?.epoch != *epoch),
    }
}

/// Reads events in an epoch.
async fn read(
    core: &Core,
    room: &RoomCell,
    epoch: &Arc<str>,
    after: u64,
    through: u64,
) -> Result<Replay, StoreFailure> {
    let Some(store) = &core.history.durable else {
        return Ok(Replay::Complete(Vec::new()));
    };
    let everything = Arc::new(|_: &str| true);
    store
        .since(room_key_in(core, room, epoch), after, through, everything, MOST_MISSING)
        .await
}

/// Goes on behind events that the store no longer has, up to the number `through` if there is one. No member may take what
/// follows for all that there is: each is disconnected, and learns of the gap when it comes back. Does nothing unless `is_due`
/// still agrees then.
async fn skip_lost(
    core: &Core,
    room: &RoomCell,
    through: Option<u64>,
    is_due: impl Fn(&ServedRoomState) -> bool,
) -> Result<(), StoreFailure> {
    let has_skipped = load_again(core, room, through, |state| {
        let is_due = is_due(state);
        if is_due {
            for member in state.local.all() {
                member.close(Close::now(CloseCode::SlowConsumer, LOST));
            }
        }
        is_due
    });
    if has_skipped.await? {
        log_line!(
            ERROR,
            *core,
            Involved::default().in_room(&room.id),
            "",
            {},
            "the store no longer has events that it stored a moment ago: the room's members are disconnected, and find a \
             gap when they reconnect"
        );
    }
    Ok(())
}

/// Applies events that no trigger waits for, oldest first.
fn apply_all(core: &Arc<Core>, room: &Arc<RoomCell>, events: Vec<StoredEvent>) {
    for stored in events {
        let (Some(seq), frame) = (stored.seq, EventFrame::of_text(&stored.body)) else {
            continue;
        };
        let of_cluster = core.cluster.is_some();
        // Decoded without the lock, because it may log. No handler of the application may take an erased event for a valid one.
        let message = match of_cluster {
            true => decoded_for_observers(core, &stored),
            false => stored.decode().filter(|message| !message.erased).map(Arc::new),
        };
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
                message if of_cluster => {
                    deliver_of_cluster(core, &state, &event, message.as_ref(), &frame);
                    None
                }
                Some(message) => Some(apply(core, room, &state, None, Arc::unwrap_or_clone(message), &frame)),
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
