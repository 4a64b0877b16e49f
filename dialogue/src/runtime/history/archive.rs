//! The hand-over of evicted events to `on_history_evicted`: at least once, in order, retried within a bound, and loud
//! when the bound is passed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;

use super::keep::Queued;
use crate::connection::Refusal;
use crate::log::archive_queue::{Batch, Series};
use crate::log::{EvictedHistory, StoredEvent};
use crate::runtime::core::Core;
use crate::runtime::observe::emit::Involved;

/// How often a batch is offered before it is given up.
const ATTEMPTS: u32 = 5;

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Makes sure that `on_history_evicted` is called for what was queued. Never waits; no lock of the log may be held.
pub(in crate::runtime) fn start(core: &Arc<Core>, queued: Option<Queued>) {
    let Some(Queued { dropped }) = queued else {
        return;
    };
    if dropped > 0 {
        core.log(|| {
            tracing::error!(
                events = dropped,
                "evicted history is LOST: more waits for on_history_evicted than may"
            );
        });
    }
    // One worker at work and one to come see all that waits.
    let worker = Arc::clone(core);
    core.history
        .archive
        .worker
        .push(1, &core.lifecycle.tasks, Box::pin(async move { work(&worker).await }));
}

async fn work(core: &Core) {
    while let Some(batch) = core.history.archive.next_batch() {
        if let Err(error) = offer(core, &batch).await {
            core.log(|| {
                tracing::error!(room = %batch.series.room, event = %batch.series.event, events = batch.events.len(), %error,
                    "evicted history is LOST: on_history_evicted failed {ATTEMPTS} times");
            });
        }
        core.history.archive.done(&batch);
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
    let involved = Involved {
        event: Some(event),
        ..Involved::default().in_room(room)
    };
    // The hook refuses nothing: whatever it returns instead of success is an error.
    let call = || hook(history.clone()).map(|answer| answer.err().map(|refusal| error_of(&refusal)));
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        // What it triggers may evict again.
        let answer = core.run_hook("on_history_evicted", involved, batch.depth, call).await;
        let error = match answer {
            Ok(None) => return Ok(()),
            Ok(Some(error)) => error,
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

fn error_of(refusal: &Refusal) -> String {
    let source = refusal.source();
    source.map_or_else(|| refusal.reason().to_owned(), ToString::to_string)
}
