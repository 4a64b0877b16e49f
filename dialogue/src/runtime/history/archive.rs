//! Passes evicted events to `on_history_evicted`: at least once, in order, and with a limited number of attempts.
//! Events that are lost beyond that limit are logged as errors.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::keep::QueuedForArchive;
use crate::containment::{contain, text_of};
use crate::hook::{HookError, HookFailure};
use crate::log::archive_queue::Series;
use crate::log::{EvictedHistory, StoredEvent};
use crate::runtime::core::Core;
use crate::runtime::hooks::recursion::one_deeper;
use crate::runtime::observe::emit::Involved;
use crate::runtime::observe::log_line::log_line;

/// How many times the hook is called for a batch before the batch is given up.
const ATTEMPTS: u32 = 5;

/// The pause after the first failure. It doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Makes sure that `on_history_evicted` is called for the queued events. Never waits. The caller must hold no lock,
/// because this may log.
pub(in crate::runtime) fn start(core: &Arc<Core>, queued: Option<QueuedForArchive>) {
    let Some(QueuedForArchive { dropped }) = queued else {
        return;
    };
    if dropped > 0 {
        log_line!(
            ERROR,
            core,
            Involved::default(),
            "",
            { events = dropped, },
            "evicted history is LOST: too many events wait for on_history_evicted"
        );
    }
    let worker = Arc::clone(core);
    let offer_all = move || {
        let core = Arc::clone(&worker);
        async move { work(&core).await }.boxed()
    };
    core.history.archive.worker.push_again(&core.lifecycle.tasks, offer_all);
}

async fn work(core: &Core) {
    while let Some(batch) = core.history.archive.next_batch() {
        offer_or_lose(core, &batch.series, &batch.events, batch.depth).await;
        core.history.archive.done(&batch);
    }
}

/// Offers events to `on_history_evicted` until the hook has taken them, or a limited number of attempts has failed.
pub(super) async fn offer_or_lose(core: &Core, series: &Series, events: &[StoredEvent], depth: usize) {
    if let Err(failure) = offer(core, series, events, depth).await {
        let error = text_of(failure.root());
        log_line!(
            ERROR,
            core,
            involved(series),
            "",
            { events = events.len(), attempts = ATTEMPTS, error, },
            "evicted history is LOST: every call of on_history_evicted failed"
        );
    }
}

/// What a call for these events concerns.
fn involved(series: &Series) -> Involved<'_> {
    Involved {
        event: Some(&series.event),
        ..Involved::default().in_room(&series.room)
    }
}

async fn offer(core: &Core, series: &Series, events: &[StoredEvent], depth: usize) -> Result<(), HookFailure> {
    if core.hooks.on_history_evicted.is_empty() {
        return Ok(());
    }
    let Series { room, epoch, event } = series;
    let history = EvictedHistory {
        room_id: room.clone(),
        epoch: epoch.as_ref().to_owned(),
        event: event.clone(),
        messages: events.iter().filter_map(StoredEvent::decode).collect(),
    };
    let involved = involved(series);
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        let Err(failure) = call_all(core, depth, involved, &history).await else {
            return Ok(());
        };
        if attempt == ATTEMPTS {
            return Err(failure);
        }
        let error = text_of(failure.root());
        log_line!(
            WARN,
            core,
            involved,
            "",
            { attempt, error, },
            "on_history_evicted failed; the server will call it again"
        );
        tokio::time::sleep(pause).await;
        pause *= 2;
        attempt += 1;
    }
}

/// Calls each hook once. The first failure ends the attempt. It is counted here, and the caller logs it.
async fn call_all(
    core: &Core,
    depth: usize,
    involved: Involved<'_>,
    history: &EvictedHistory,
) -> Result<(), HookFailure> {
    for hook in core.hooks.on_history_evicted.of(None) {
        let call = contain(core.limits.hook_deadline, || (hook.run)(history.clone()));
        // The hook runs one deeper, because an event that it triggers may evict others again.
        let answer = core
            .measured(hook.name, involved, one_deeper(core.lifecycle.server, depth, call))
            .await;
        answer.map_err(HookError::into_failure)?;
    }
    Ok(())
}
