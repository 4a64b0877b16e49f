//! Removes events from the store that its retention no longer keeps, after `on_history_evicted` has taken them or given up.
//!
//! Decides nothing about which events these are: the store does.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;

use super::archive::{offer_or_lose, report_dropped};
use crate::log::archive_queue::{BATCH, Series};
use crate::log::durable::{DurableLog, Expired, ExpiredEvent};
use crate::log::{LogBounds, StoredEvent};
use crate::runtime::core::Core;
use crate::runtime::deadline::log_failed_read;
use crate::store_failure::StoreFailure;

/// The pause after everything was removed, or the store failed. Retention counts in days.
const PAUSE: Duration = Duration::from_secs(10);

/// How much is read at once: some batches of the hook.
const ROUND: LogBounds = LogBounds {
    events: 1_000,
    bytes: 4 * 1024 * 1024,
};

/// Enforces the retention of a server's store, for as long as the server lives. Keeps nothing alive.
pub(in crate::runtime) fn start(core: &Arc<Core>) {
    let server = Arc::downgrade(core);
    let enforce = move || enforce(Weak::clone(&server)).boxed();
    core.history.retention.push_again(&core.lifecycle.background, enforce);
}

async fn enforce(server: Weak<Core>) {
    let Some(stopping) = server.upgrade().map(|core| core.lifecycle.stopping.clone()) else {
        return;
    };
    let rounds = async {
        while let Some(core) = server.upgrade() {
            let is_all = round(&core).await;
            drop(core);
            if is_all {
                sleep(PAUSE).await;
            }
        }
    };
    // What a hook has taken and is still in the store then comes to it again after the next start.
    tokio::select! {
        () = stopping.cancelled() => {}
        () = rounds => {}
    }
}

/// Removes some events. Returns whether there are no more for now.
async fn round(core: &Core) -> bool {
    let Some(store) = &core.history.durable else {
        return true;
    };
    let _archiving = core.history.archiving.lock().await;
    match store.expired(ROUND).await {
        Ok(Expired { events, dropped }) => {
            report_dropped(core, dropped);
            events.is_empty() || remove(core, &**store, events).await.is_err()
        }
        Err(failure) => {
            log_failed_read(core, &failure);
            true
        }
    }
}

async fn remove(core: &Core, store: &dyn DurableLog, mut expired: Vec<ExpiredEvent>) -> Result<(), StoreFailure> {
    while let Some(first) = expired.first() {
        let series = series_of(first);
        let count = expired
            .iter()
            .take(BATCH)
            .take_while(|event| series_of(event) == series)
            .count();
        let rest = expired.split_off(count);
        let events: Vec<StoredEvent> = expired.iter().map(|expired| expired.event.clone()).collect();
        core.observe
            .evicted(events.iter().map(|event| (&series.room, &event.event)));
        offer_or_lose(core, &series, &events, 0).await;
        store.remove(expired).await?;
        let through = events.iter().filter_map(|event| event.seq).max();
        core.history.removed(&core.rooms, &series, through.unwrap_or(0));
        expired = rest;
    }
    Ok(())
}

fn series_of(expired: &ExpiredEvent) -> Series {
    Series::of(&expired.room.id, &expired.room.epoch, &expired.event.event)
}
