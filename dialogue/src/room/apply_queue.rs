//! The changes of a room's log that a store has made and this server has not applied yet, in the order of the log.
//!
//! Knows no event: a change is a closure. The runtime decides what applies it, and when.

use std::collections::VecDeque;

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

/// The changes that wait. Only rooms whose log is in a store have such a queue.
#[derive(Default)]
pub(crate) struct ApplyQueue {
    waiting: Mutex<VecDeque<LogEntry>>,
    /// Applies the changes, one after another.
    pub(crate) worker: SerialQueue,
    progress: Notify,
}

impl ApplyQueue {
    /// Adds the latest change of the log.
    pub(crate) fn push(&self, entry: LogEntry) {
        self.waiting.lock().push_back(entry);
    }

    /// Up to which number the events must be applied before the first change that waits. `None` if none waits.
    pub(crate) fn first_after(&self) -> Option<u64> {
        self.waiting.lock().front().map(|entry| entry.after)
    }

    /// Takes the first change that waits. Only the worker calls this.
    pub(crate) fn pop(&self) -> Option<LogEntry> {
        self.waiting.lock().pop_front()
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
