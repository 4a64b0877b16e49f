//! The hand-over of evicted events to `on_history_evicted`: at least once, in order, retried within a bound, and loud
//! when the bound is passed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::core::Core;
use crate::history::{EvictedHistory, StoredEvent};
use crate::hooks::contain;
use crate::id::{EventName, RoomId};
use crate::serial::SerialQueue;

/// The most events handed over in one call: enough to make a database's batch insert pay.
const BATCH: usize = 100;

/// The most events that may wait. Over it the oldest are given up, since memory that waits for a dead database must end
/// somewhere; some 10 MB of chat lines.
const MAX_WAITING: usize = 50_000;

/// How often a batch is offered before it is given up.
const ATTEMPTS: u32 = 5;

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// What has been evicted and not yet been taken over.
#[derive(Default)]
pub(crate) struct HandOver {
    /// Oldest first. A batch stays here until the hook has taken it, so that readers of the history find it meanwhile.
    waiting: Mutex<VecDeque<Evicted>>,
    worker: SerialQueue,
}

/// An event that memory no longer keeps.
#[derive(Debug, Clone)]
struct Evicted {
    room: RoomId,
    event: StoredEvent,
}

impl HandOver {
    /// Takes events over for the hook. Never waits.
    pub(crate) fn push(&self, core: &Arc<Core>, room: &RoomId, events: impl IntoIterator<Item = StoredEvent>) {
        if core.hooks.on_history_evicted.is_none() {
            return;
        }
        let mut given_up = 0;
        {
            let mut waiting = self.waiting.lock();
            let before = waiting.len();
            waiting.extend(events.into_iter().map(|event| Evicted {
                room: room.clone(),
                event,
            }));
            if waiting.len() == before {
                return;
            }
            while waiting.len() > MAX_WAITING {
                waiting.pop_front();
                given_up += 1;
            }
        }
        if given_up > 0 {
            core.log(|| {
                tracing::error!(
                    events = given_up,
                    "evicted history is LOST: more than {MAX_WAITING} events wait for on_history_evicted"
                );
            });
        }
        // One worker at work and one to come see all that waits.
        let worker = Arc::clone(core);
        self.worker.push(
            1,
            &core.tasks,
            Box::pin(async move { worker.hand_over.work(&worker).await }),
        );
    }

    /// Waits until everything has been taken over or given up.
    pub(crate) async fn idle(&self) {
        self.worker.idle().await;
    }

    /// The events of one type that wait, newest first.
    pub(crate) fn waiting(&self, room: &str, event: &EventName) -> Vec<StoredEvent> {
        self.waiting
            .lock()
            .iter()
            .rev()
            .filter(|evicted| evicted.room == *room && evicted.event.event == *event)
            .map(|evicted| evicted.event.clone())
            .collect()
    }

    async fn work(&self, core: &Arc<Core>) {
        loop {
            let batch = self.next_batch();
            let Some(first) = batch.first() else {
                return;
            };
            let (room, event) = (first.room.clone(), first.event.event.clone());
            if let Err(error) = offer(core, &room, &event, &batch).await {
                core.log(|| {
                    tracing::error!(%room, %event, events = batch.len(), %error,
                        "evicted history is LOST: on_history_evicted failed {ATTEMPTS} times");
                });
            }
            self.done(&batch);
        }
    }

    /// The oldest events that wait, as many as are of one room and type.
    fn next_batch(&self) -> Vec<Evicted> {
        let waiting = self.waiting.lock();
        let Some(first) = waiting.front() else {
            return Vec::new();
        };
        waiting
            .iter()
            .take_while(|evicted| evicted.room == first.room && evicted.event.event == first.event.event)
            .take(BATCH)
            .cloned()
            .collect()
    }

    /// Forgets a batch, of which the oldest may have been given up meanwhile.
    fn done(&self, batch: &[Evicted]) {
        let mut waiting = self.waiting.lock();
        for done in batch {
            let is_first = waiting
                .front()
                .is_some_and(|first| first.room == done.room && first.event.is_same(&done.event));
            if is_first {
                waiting.pop_front();
            }
        }
    }
}

async fn offer(core: &Core, room: &RoomId, event: &EventName, batch: &[Evicted]) -> Result<(), String> {
    let Some(hook) = &core.hooks.on_history_evicted else {
        return Ok(());
    };
    let history = EvictedHistory {
        room_id: room.clone(),
        event: event.clone(),
        events: batch.iter().filter_map(|evicted| evicted.event.decode()).collect(),
    };
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        let answer = contain(core.limits.hook_deadline, || hook(history.clone())).await;
        let error = match answer {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(refusal)) => refusal
                .source()
                .map_or_else(|| refusal.reason().to_owned(), ToString::to_string),
            Err(failure) => failure.to_string(),
        };
        if attempt == ATTEMPTS {
            return Err(error);
        }
        core.log(
            || tracing::warn!(%room, %event, attempt, %error, "on_history_evicted failed; it will be tried again"),
        );
        tokio::time::sleep(pause).await;
        pause *= 2;
        attempt += 1;
    }
}
