//! The hand-over of evicted events to `on_history_evicted`: at least once, in order, retried within a bound, and loud
//! when the bound is passed.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::hand_over::{Evicted, MAX_WAITING};
use crate::history::{self, Bounds, EvictedHistory, StoredEvent};
use crate::hooks::contain;
use crate::id::RoomId;

/// How often a batch is offered before it is given up.
const ATTEMPTS: u32 = 5;

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

impl Core {
    /// Gives events of a room's incarnation to `on_history_evicted`, if there is such a hook. Never waits.
    pub(super) fn hand_over(
        self: &Arc<Self>,
        room: &RoomId,
        epoch: &Arc<str>,
        events: impl IntoIterator<Item = StoredEvent>,
    ) {
        if self.hooks.on_history_evicted.is_none() {
            return;
        }
        let given_up = self.queue_for_hand_over(room, epoch, events);
        self.see_to_hand_over(given_up);
    }

    /// Half of it: readers find the events there from now on. Returns how many old ones were given up for them, for
    /// [`see_to_hand_over`](Self::see_to_hand_over), which follows once no lock of the history is held.
    pub(super) fn queue_for_hand_over(
        &self,
        room: &RoomId,
        epoch: &Arc<str>,
        events: impl IntoIterator<Item = StoredEvent>,
    ) -> usize {
        let bounds = Bounds {
            events: MAX_WAITING,
            bytes: self.limits.history_bytes,
        };
        self.hand_over.push(of_incarnation(room, epoch, events), bounds)
    }

    /// The other half: sees to it that the hook is called.
    pub(super) fn see_to_hand_over(self: &Arc<Self>, given_up: usize) {
        if given_up > 0 {
            self.log(|| {
                tracing::error!(
                    events = given_up,
                    "evicted history is LOST: more waits for on_history_evicted than may"
                );
            });
        }
        // One worker at work and one to come see all that waits.
        let core = Arc::clone(self);
        self.hand_over
            .worker
            .push(1, &self.tasks, Box::pin(async move { work(&core).await }));
    }

    /// Hands all history in memory over. However much it is, it waits: it was in memory before, and no more comes.
    pub(crate) fn hand_over_everything(self: &Arc<Self>) {
        if self.hooks.on_history_evicted.is_none() {
            return;
        }
        for evicted in by_type(self.history.drain_all()) {
            if let Some(room) = self.registry.find(&evicted.room) {
                let event = of_incarnation(&room.id, &room.epoch, [evicted.entry]);
                self.hand_over.push(event, Bounds::NONE);
            }
        }
        self.see_to_hand_over(0);
    }
}

/// Evicted events so that those of a room and type are together, in order: as they go in batches, where types alternate.
pub(super) fn by_type(mut evicted: Vec<history::Evicted>) -> Vec<history::Evicted> {
    evicted.sort_by(|one, other| (&one.room, &one.entry.event).cmp(&(&other.room, &other.entry.event)));
    evicted
}

/// Events, with the incarnation of the room that they happened in.
fn of_incarnation(
    room: &RoomId,
    epoch: &Arc<str>,
    events: impl IntoIterator<Item = StoredEvent>,
) -> impl Iterator<Item = Evicted> {
    events.into_iter().map(|event| Evicted {
        room: room.clone(),
        epoch: Arc::clone(epoch),
        event,
    })
}

async fn work(core: &Core) {
    loop {
        let batch = core.hand_over.next_batch();
        let Some(first) = batch.first() else {
            return;
        };
        if let Err(error) = offer(core, first, &batch).await {
            core.log(|| {
                tracing::error!(room = %first.room, event = %first.event.event, events = batch.len(), %error,
                    "evicted history is LOST: on_history_evicted failed {ATTEMPTS} times");
            });
        }
        core.hand_over.done(&batch);
    }
}

async fn offer(core: &Core, first: &Evicted, batch: &[Evicted]) -> Result<(), String> {
    let (room, event) = (&first.room, &first.event.event);
    let Some(hook) = &core.hooks.on_history_evicted else {
        return Ok(());
    };
    let history = EvictedHistory {
        room_id: room.clone(),
        epoch: first.epoch.as_ref().to_owned(),
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
