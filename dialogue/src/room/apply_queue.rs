//! The changes of a room's log that a store has made and this server has not applied yet, in the order of the log.
//!
//! Knows no event: a change is a closure. The runtime decides what applies it, and when.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::serial::SerialQueue;

/// A change of a room's log.
pub(crate) struct LogEntry {
    /// Every event up to this number must be applied first. 0 if that does not matter.
    pub(crate) after: u64,
    /// Applies the change. Runs once, without a lock.
    pub(crate) apply: Box<dyn FnOnce() + Send>,
}

/// Finds out what has become of a change whose outcome is unknown, once every event of the log has been applied. Returns
/// false if it is still unknown.
pub(crate) type Resolve = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The changes that wait. Only rooms whose log is in a store have such a queue.
#[derive(Default)]
pub(crate) struct ApplyQueue {
    waiting: Mutex<VecDeque<LogEntry>>,
    unknown: Mutex<VecDeque<Resolve>>,
    /// Applies the changes, one after another.
    pub(crate) worker: SerialQueue,
    /// Notified when a change is queued.
    pushed: Notify,
    /// Notified when a change has been applied.
    progress: Notify,
}

impl ApplyQueue {
    /// Adds the latest change of the log.
    pub(crate) fn push(&self, entry: LogEntry) {
        self.waiting.lock().push_back(entry);
        self.pushed.notify_one();
    }

    /// Up to which number the events must be applied before the first change that waits. `None` if none waits.
    pub(crate) fn first_after(&self) -> Option<u64> {
        self.waiting.lock().front().map(|entry| entry.after)
    }

    /// Takes the first change that waits. Only the worker calls this.
    pub(crate) fn pop(&self) -> Option<LogEntry> {
        self.waiting.lock().pop_front()
    }

    /// Adds a change whose outcome is unknown.
    pub(crate) fn push_unknown(&self, resolve: Resolve) {
        self.unknown.lock().push_back(resolve);
    }

    /// How many changes have an unknown outcome.
    pub(crate) fn unknown(&self) -> usize {
        self.unknown.lock().len()
    }

    /// The first change whose outcome is unknown.
    pub(crate) fn first_unknown(&self) -> Option<Resolve> {
        self.unknown.lock().front().cloned()
    }

    /// Removes the first change whose outcome was unknown. Only the worker calls this.
    pub(crate) fn pop_unknown(&self) -> Option<Resolve> {
        self.unknown.lock().pop_front()
    }

    /// Waits until a change is queued. It may have been queued before, and applied meanwhile.
    pub(crate) async fn pushed(&self) {
        self.pushed.notified().await;
    }

    /// Tells everybody who waits for it that a change has been applied.
    pub(crate) fn note_progress(&self) {
        self.progress.notify_waiters();
    }

    /// Waits until a change is applied after this call.
    pub(crate) fn progressed(&self) -> Notified<'_> {
        self.progress.notified()
    }
}

impl std::fmt::Debug for ApplyQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApplyQueue").finish_non_exhaustive()
    }
}
