//! Applies the changes of a room's log that a store has made: one after another, in the order of the log.
//!
//! A change is queued on the store's own thread, and applied in a task. If the task is lost with its runtime, another one
//! continues.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep, timeout_at};

use super::catch_up::{catch_up, catch_up_entirely, resolve_unknown};
use super::check::{ask_position, follow_many_erasures, take_over_epoch};
use crate::cluster::Position;
use crate::containment::contain_sync;
use crate::room::{BeginningCheck, LogEntry, LogPlace, NextChange, RoomCell};
use crate::runtime::core::Core;
use crate::runtime::deadline::log_failed_read;
use crate::runtime::erased::follow_erasures;
use crate::store_failure::StoreFailure;

/// How long the feed of a cluster may take until the log is read instead.
const FEED_DELAY: Duration = Duration::from_millis(100);

/// The pause between two attempts to find out about changes whose outcome is unknown.
const PAUSE: Duration = Duration::from_secs(1);

/// Applies a change of a room's log at its place. Call it for each change, in the order of the log: in `done`. Never waits,
/// and takes no lock of a room.
pub(in crate::runtime) fn apply_in_order(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    place: LogPlace,
    apply: impl FnOnce(&Arc<Core>, &Arc<RoomCell>) + Send + 'static,
) {
    apply_in_epoch(core, room, place, None, apply);
}

/// The same for a change whose number counts in this epoch, if the log renews epochs.
pub(super) fn apply_in_epoch(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    place: LogPlace,
    epoch: Option<Arc<str>>,
    apply: impl FnOnce(&Arc<Core>, &Arc<RoomCell>) + Send + 'static,
) {
    let queue = room.applying();
    let (for_entry, of_entry) = (Arc::clone(core), Arc::clone(room));
    queue.push(LogEntry {
        place,
        epoch,
        fed: None,
        apply: Box::new(move || apply(&for_entry, &of_entry)),
    });
    start(core, room);
}

/// Starts the task that applies a room's changes, unless it runs.
pub(in crate::runtime) fn start(core: &Arc<Core>, room: &Arc<RoomCell>) {
    // A change that waits keeps the server. One whose outcome is unknown does not.
    let (server, of_worker) = (Arc::downgrade(core), Arc::downgrade(room));
    let apply_all = move || {
        let (server, room) = (Weak::clone(&server), Weak::clone(&of_worker));
        async move { work(&server, &room).await }.boxed()
    };
    room.applying().worker.push_again(&core.lifecycle.tasks, apply_all);
}

/// Applies changes until none waits, and none has an unknown outcome, or until the server ends.
async fn work(server: &Weak<Core>, room: &Weak<RoomCell>) {
    // The feed brings changes before the room's log is loaded: until then, there is no window to apply them to.
    while let Some(loading) = loading(server, room) {
        let own = loading.applying().next_own();
        drop(loading);
        match own {
            Some(entry) => drop(contain_sync(entry.apply)),
            None => sleep(FEED_DELAY).await,
        }
    }
    let Some(room) = &room.upgrade() else {
        return;
    };
    let queue = room.applying();
    // Since when the room waits for the feed to bring the events up to a number.
    let mut missing: Option<(u64, Instant)> = None;
    loop {
        let Some(core) = server.upgrade() else {
            return queue.give_up();
        };
        let (epoch, applied) = {
            let state = room.lock();
            (Arc::clone(state.record.epoch()), state.record.seq())
        };
        match queue.next(&epoch, applied) {
            NextChange::Ready(LogEntry { place, apply, .. }) => {
                // A change that panics ends only itself.
                let _contained = contain_sync(apply);
                queue.note_progress();
                // The log has reached a later number, so the store knows what has become of everything before.
                if matches!(place, LogPlace::Event(_)) && queue.unknown() > 0 {
                    unless_stopping(&core, resolve_unknown(room)).await;
                }
                // A busy room must not keep other tasks from running.
                consume_budget().await;
            }
            // The feed is about to bring the events before the next one, or has lost them.
            NextChange::Missing(through)
                if core.cluster.is_some()
                    && let Some(until) = patience(&mut missing, through) =>
            {
                drop(core);
                let _pushed = timeout_at(until, queue.pushed()).await;
            }
            NextChange::Check => {
                drop(core);
                if !check(server, room, &epoch).await {
                    return queue.give_up();
                }
            }
            // The events before the next one, whose outcome was unknown. Usually, there are none.
            NextChange::Missing(through) => {
                if catch_up(&core, room, through).await.is_err() {
                    return queue.give_up();
                }
            }
            NextChange::Nothing if queue.unknown() == 0 => return,
            NextChange::Nothing => {
                if unless_stopping(&core, catch_up_entirely(&core, room)).await == Some(true) {
                    continue;
                }
                let stopping = core.lifecycle.stopping.clone();
                drop(core);
                tokio::select! {
                    () = queue.pushed() => {}
                    () = sleep(PAUSE) => {}
                    () = stopping.cancelled() => return queue.give_up_unknown(),
                }
            }
        }
    }
}

/// A room whose log is still to be loaded before everything that waits can be applied.
fn loading(server: &Weak<Core>, room: &Weak<RoomCell>) -> Option<Arc<RoomCell>> {
    let (core, room) = (server.upgrade()?, room.upgrade()?);
    let is_loading = core.cluster.is_some() && !room.loaded.initialized() && !core.lifecycle.is_stopped();
    (is_loading && !room.applying().is_idle()).then_some(room)
}

/// Until when the room still waits for the feed to bring the events up to a number. `missing` is for what it waits, and until
/// when.
fn patience(missing: &mut Option<(u64, Instant)>, through: u64) -> Option<Instant> {
    let now = Instant::now();
    match *missing {
        Some((number, until)) if number == through => (now < until).then_some(until),
        _ => {
            *missing = Some((through, now + FEED_DELAY));
            Some(now + FEED_DELAY)
        }
    }
}

/// Finds out where the room's log ends. What it has up to there is applied behind what is in the queue now. Tries until there is
/// an answer. Returns false if the server ends.
async fn check(server: &Weak<Core>, room: &Arc<RoomCell>, epoch: &str) -> bool {
    let queue = room.applying();
    loop {
        let Some(core) = server.upgrade() else {
            return false;
        };
        // The log has renewed the epoch as often as these say, or more often, when it answers.
        let check = queue.begin_check(epoch);
        let mut position = unless_stopped(&core, ask_position(&core, room)).await;
        if let Ok(Some(of_log)) = &position {
            let begin = check.begin_of(&of_log.epoch);
            let followed = async {
                take_over_epoch(&core, room, of_log, begin).await?;
                follow_many_erasures(&core, room, &of_log.erasures).await
            };
            let followed = unless_stopped(&core, followed).await;
            position = followed.and(position);
        }
        match position {
            Ok(position) => {
                conclude_check(&core, room, check, position);
                return true;
            }
            Err(StoreFailure::Closed) => return false,
            Err(failure) => {
                queue.undo_check(check);
                log_failed_read(&core, &failure);
            }
        }
        drop(core);
        sleep(PAUSE).await;
    }
}

/// Waits for questions to the store, but no longer than until the server has stopped.
async fn unless_stopped<T>(
    core: &Core,
    questions: impl Future<Output = Result<T, StoreFailure>>,
) -> Result<T, StoreFailure> {
    tokio::select! {
        answer = questions => answer,
        () = core.lifecycle.stopped() => Err(StoreFailure::Closed),
    }
}

/// Puts back what is still valid, applies what is not but must be, and queues that the end of the log is reached.
fn conclude_check(core: &Arc<Core>, room: &Arc<RoomCell>, check: BeginningCheck, position: Option<Position>) {
    let queue = room.applying();
    let present = Arc::clone(room.lock().record.epoch());
    let BeginningCheck { others, waiters, .. } = check;
    let (valid, outdated): (Vec<_>, Vec<_>) = others.into_iter().partition(|entry| entry.is_of(&present));
    queue.put_back(valid);
    for entry in outdated {
        // Somebody waits for the outcome of an own change, and an event without history has nothing to do with the epoch. An event
        // of another node has gone with its epoch.
        if entry.fed.is_none() || matches!(entry.place, LogPlace::After(_)) {
            let _contained = contain_sync(entry.apply);
            queue.note_progress();
        }
    }
    // Without a position, the room is deleted.
    if let Some(position) = position {
        let (server, of_entry, erasures) = (Arc::downgrade(core), Arc::downgrade(room), position.erasures);
        queue.push(LogEntry {
            place: LogPlace::After(position.seq),
            epoch: Some(position.epoch),
            fed: None,
            apply: Box::new(move || {
                if let (Some(core), Some(room)) = (server.upgrade(), of_entry.upgrade()) {
                    let _is_complete = follow_erasures(&core, &room, &erasures);
                }
                for waiter in waiters {
                    let _ = waiter.send(());
                }
            }),
        });
    }
}

/// Waits for questions to the store, but no longer than until the graceful shutdown begins: it must not wait for a store that
/// does not answer.
async fn unless_stopping<T>(core: &Core, questions: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        answer = questions => Some(answer),
        () = core.lifecycle.stopping() => None,
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::log::tests::fake_store::FakeStore;
    use crate::{Dialogue, RoomConfig};

    async fn room() -> (Arc<Core>, Arc<RoomCell>) {
        let builder = Dialogue::builder().define_events([]).durable(FakeStore::new());
        let dialogue = builder.build().expect("a server");
        let room = dialogue
            .create_room(RoomConfig::new("room"))
            .await
            .expect("a room")
            .cell;
        (dialogue.core, room)
    }

    #[tokio::test]
    async fn changes_are_applied_in_order_although_one_panics() {
        let (core, room) = room().await;
        let applied = Arc::new(Mutex::new(Vec::new()));
        for number in 0..5 {
            let applied = Arc::clone(&applied);
            apply_in_order(&core, &room, LogPlace::Unnumbered, move |_, _| {
                assert_ne!(number, 2, "this change panics");
                applied.lock().push(number);
            });
        }
        assert!(
            applied.lock().is_empty(),
            "nothing is applied by the code that queues it"
        );
        room.applying().worker.idle().await;
        assert_eq!(*applied.lock(), [0, 1, 3, 4]);
    }

    #[test]
    fn changes_that_a_thread_without_a_runtime_queues_are_applied_in_a_runtime_of_the_server() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (core, room) = runtime.block_on(room());
        runtime.block_on(async { core.lifecycle.tasks.note_runtime() });
        let (sender, receiver) = tokio::sync::oneshot::channel();
        apply_in_order(&core, &room, LogPlace::Unnumbered, move |_, _| {
            let _ = sender.send(tokio::runtime::Handle::try_current().is_ok());
        });
        assert_eq!(runtime.block_on(receiver), Ok(true));
    }
}
