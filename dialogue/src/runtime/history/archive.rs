//! The hand-over of evicted events to `on_history_evicted`: at least once, in order, retried within a bound, and loud
//! when the bound is passed.

use std::sync::Arc;
use std::time::Duration;

use crate::log::archive_queue::{Batch, MAX_WAITING, Series};
use crate::log::{Bounds, Evicted, EvictedHistory, StoredEvent};
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::hooks::recursion::depth;

/// How often a batch is offered before it is given up.
const ATTEMPTS: u32 = 5;

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

impl Core {
    /// Gives evicted events to `on_history_evicted`, if there is such a hook. Never waits.
    pub(in crate::runtime) fn hand_over(self: &Arc<Self>, evicted: Vec<Evicted>) {
        let queued = self.queue_for_hand_over(evicted);
        self.see_to_hand_over(queued);
    }

    /// Half of it: readers find the events there from now on. Returns what there is to
    /// [see to](Self::see_to_hand_over) once no lock of the history is held.
    pub(in crate::runtime) fn queue_for_hand_over(&self, evicted: Vec<Evicted>) -> Option<Queued> {
        let bounds = Bounds {
            events: MAX_WAITING,
            bytes: self.limits.history_bytes,
        };
        self.queue_within(bounds, evicted)
    }

    fn queue_within(&self, bounds: Bounds, evicted: Vec<Evicted>) -> Option<Queued> {
        if evicted.is_empty() || self.hooks.on_history_evicted.is_none() {
            return None;
        }
        // They come room by room.
        let mut room: Option<Arc<RoomCell>> = None;
        let of_their_rooms = evicted.into_iter().filter_map(|Evicted { room: id, entry }| {
            if room.as_ref().is_none_or(|room| room.id != id) {
                room = self.registry.find(&id);
            }
            Some((Series::of(room.as_ref()?, &entry.event), entry))
        });
        let given_up = self.hand_over.push(of_their_rooms, depth(), bounds);
        Some(Queued { given_up })
    }

    /// The other half: sees to it that the hook is called.
    pub(in crate::runtime) fn see_to_hand_over(self: &Arc<Self>, queued: Option<Queued>) {
        let Some(Queued { given_up }) = queued else {
            return;
        };
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
        if self.hooks.on_history_evicted.is_some() {
            let queued = self.queue_within(Bounds::NONE, self.history.drain_all());
            self.see_to_hand_over(queued);
        }
    }
}

/// That events were queued for the hook.
pub(in crate::runtime) struct Queued {
    /// How many older ones were given up for them.
    given_up: usize,
}

async fn work(core: &Core) {
    while let Some(batch) = core.hand_over.next_batch() {
        if let Err(error) = offer(core, &batch).await {
            core.log(|| {
                tracing::error!(room = %batch.series.room, event = %batch.series.event, events = batch.events.len(), %error,
                    "evicted history is LOST: on_history_evicted failed {ATTEMPTS} times");
            });
        }
        core.hand_over.done(&batch);
    }
}

async fn offer(core: &Core, batch: &Batch) -> Result<(), String> {
    let Some(hook) = &core.hooks.on_history_evicted else {
        return Ok(());
    };
    let Series { room, epoch, event } = &batch.series;
    let history = EvictedHistory {
        room_id: room.clone(),
        epoch: epoch.as_ref().to_owned(),
        event: event.clone(),
        events: batch.events.iter().filter_map(StoredEvent::decode).collect(),
    };
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        // What it triggers may evict again.
        let answer = core.set_off(batch.depth, || hook(history.clone())).await;
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
