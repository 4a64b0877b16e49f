//! Passes evicted events to `on_history_evicted`, and erasures to `on_erased`: at least once, in order, and with a limited
//! number of attempts. What is lost beyond that limit is logged as an error.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::keep::QueuedForArchive;
use crate::containment::{contain, text_of};
use crate::hook::HookFailure;
use crate::log::archive_queue::Series;
use crate::log::{ErasedHistory, EvictedHistory, StoredEvent};
use crate::runtime::core::Core;
use crate::runtime::hooks::definition::AsyncHooks;
use crate::runtime::hooks::recursion::{depth, one_deeper};
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
    report_dropped(core, dropped as u64);
    let worker = Arc::clone(core);
    let offer_all = move || {
        let core = Arc::clone(&worker);
        async move { work(&core).await }.boxed()
    };
    core.history.archive.worker.push_again(&core.lifecycle.tasks, offer_all);
}

/// Logs that events were dropped before the hook could take them.
pub(super) fn report_dropped(core: &Core, dropped: u64) {
    if dropped > 0 {
        log_line!(
            ERROR,
            *core,
            Involved::default(),
            "",
            { events = dropped, },
            "evicted history is LOST: too many events wait for on_history_evicted"
        );
    }
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

/// Calls `on_erased`, behind the calls of `on_history_evicted` that may still store these events.
pub(in crate::runtime) fn inform(core: &Arc<Core>, erased: ErasedHistory) {
    if core.hooks.on_erased.is_empty() {
        return;
    }
    let (worker, depth) = (Arc::clone(core), depth());
    let job = async move {
        let involved = Involved {
            event: erased.event.as_ref(),
            ..Involved::default().in_room(&erased.room_id)
        };
        let _archiving = worker.history.archiving.lock().await;
        if let Err(failure) = call_until_done(&worker, &worker.hooks.on_erased, depth, involved, &erased).await {
            let error = text_of(failure.root());
            log_line!(
                ERROR,
                worker,
                involved,
                "",
                { events = erased.seqs.len(), attempts = ATTEMPTS, error, },
                "an archive may still have erased events: every call of on_erased failed"
            );
        }
    };
    let queue = &core.history.archive.worker;
    let _unbounded = queue.push(usize::MAX, &core.lifecycle.tasks, Box::pin(job));
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
    let hooks = &core.hooks.on_history_evicted;
    call_until_done(core, hooks, depth, involved(series), &history).await
}

/// Calls each hook, again and again if one fails, with a limited number of attempts.
async fn call_until_done<A: Clone>(
    core: &Core,
    hooks: &AsyncHooks<A>,
    depth: usize,
    involved: Involved<'_>,
    argument: &A,
) -> Result<(), HookFailure> {
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        let Err((hook, failure)) = call_all(core, hooks, depth, involved, argument).await else {
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
            hook,
            { hook, attempt, error, },
            "a hook failed; the server will call it again"
        );
        tokio::time::sleep(pause).await;
        pause *= 2;
        attempt += 1;
    }
}

/// Calls each hook once. The first failure ends the attempt. It is counted here, and the caller logs it.
async fn call_all<A: Clone>(
    core: &Core,
    hooks: &AsyncHooks<A>,
    depth: usize,
    involved: Involved<'_>,
    argument: &A,
) -> Result<(), (&'static str, HookFailure)> {
    for hook in hooks.of(None) {
        let call = contain(core.limits.hook_deadline, || (hook.run)(argument.clone()));
        // The hook runs one deeper, because an event that it triggers may evict others again.
        let answer = core
            .measured(hook.name, involved, one_deeper(core.lifecycle.server, depth, call))
            .await;
        answer.map_err(|error| (hook.name, error.into_failure()))?;
    }
    Ok(())
}
