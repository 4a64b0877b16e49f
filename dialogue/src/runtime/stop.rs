//! The graceful shutdown: connections close, hooks and handlers end, and the history is archived.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::core::Core;
use super::history::archive;
use super::lifecycle::Lifecycle;
use super::rooms::registry::Rooms;
use crate::connection::Close;
use crate::protocol::CloseCode;

/// The time that tasks have to notice that they must end.
const FORCED_END: Duration = Duration::from_secs(1);

/// The part of the deadline, as its divisor, that is reserved for the history: 5 s of the default, which is as long as one
/// call of `on_history_evicted` may take.
const ARCHIVE_SHARE: u32 = 6;

/// Tasks that were ended by force, because the deadline passed before they had ended.
#[derive(Debug)]
pub(crate) struct EndedByForce {
    /// How many connections and hooks there were.
    pub(crate) remaining: usize,
}

/// Stops a server: see [`Dialogue::stop`](crate::Dialogue::stop).
pub(crate) async fn stop(core: &Arc<Core>) -> Result<(), EndedByForce> {
    let Lifecycle {
        tasks,
        changes,
        stopping,
        ..
    } = &core.lifecycle;
    let deadline = Instant::now() + core.limits.drain_deadline;
    let soft_deadline = deadline - FORCED_END.min(core.limits.drain_deadline / 2);
    // What has lost its runtime ends in this one.
    tasks.note_runtime();
    stopping.cancel();
    for client in core.clients.all() {
        client.close(Close::after_flush(CloseCode::Restarting, "the server is restarting"));
    }
    tasks.close();
    changes.close();
    let quiet = timeout_at(soft_deadline - core.limits.drain_deadline / ARCHIVE_SHARE, async {
        core.clients.all_gone().await;
        // Hooks and handlers may trigger until the last of them has ended, and a change that the store has runs hooks.
        loop {
            tasks.wait().await;
            if changes.is_empty() {
                break;
            }
            changes.wait().await;
        }
    })
    .await;
    let remaining = tasks.len().max(changes.len());
    // A task that does not end must not cost the history.
    end_triggers(&core.lifecycle, &core.rooms);
    archive::start(core, core.history.archive_everything(&core.rooms, &core.observe));
    let archived = timeout_at(soft_deadline, core.history.archive.idle()).await;
    let closed = close_store(core, soft_deadline).await;
    core.listeners.close();
    if quiet.is_ok() && archived.is_ok() && closed {
        core.observe.close();
        core.log(|| tracing::info!("stopped"));
        return Ok(());
    }
    let (remaining, lost) = (remaining.max(tasks.len()), core.history.archive.len());
    if lost > 0 {
        core.log(|| {
            tracing::error!(
                events = lost,
                "history is LOST: on_history_evicted had not taken it before the deadline of the graceful shutdown"
            );
        });
    }
    core.log(|| {
        tracing::error!(
            remaining,
            "the deadline of the graceful shutdown has passed; the remaining tasks are ended by force"
        );
    });
    let _ = timeout_at(deadline, tasks.wait()).await;
    core.observe.close();
    Err(EndedByForce { remaining })
}

/// Closes the store, if there is one. If that takes longer, it goes on in the background. Returns whether it has ended.
async fn close_store(core: &Arc<Core>, deadline: Instant) -> bool {
    let Some(store) = &core.history.durable else {
        return true;
    };
    let closing = core.lifecycle.background.spawn(store.close());
    let closed = timeout_at(deadline, closing).await;
    match closed {
        Ok(Ok(Ok(()))) => return true,
        Ok(Ok(Err(error))) => core.log(|| tracing::error!(%error, "the store was not closed in order")),
        Ok(Err(_)) | Err(_) => core.log(|| tracing::error!("the store does not answer; it closes in the background")),
    }
    false
}

/// Rejects every later trigger. When this returns, no earlier one is still on its way to a history.
fn end_triggers(lifecycle: &Lifecycle, rooms: &Rooms) {
    lifecycle.stopped.cancel();
    for room in rooms.all() {
        drop(room.lock());
    }
}
