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
    pub(crate) place: LogPlace,
    /// Applies the change. Runs once, without a lock.
    pub(crate) apply: Box<dyn FnOnce() + Send>,
}

/// Where a change belongs in a room's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogPlace {
    /// It is the event with this number. Every event before it is applied first.
    Event(u64),
    /// It repeats the event with this number: that one and every event before it are applied first. It says nothing of the
    /// end of the log.
    Repeats(u64),
    /// It has no number. It is applied when everything that was queued before it has been.
    Unnumbered,
}

impl LogPlace {
    /// The number that the room must have reached first. 0 stands for the beginning of the log.
    fn after(self) -> u64 {
        match self {
            Self::Event(seq) => seq - 1,
            Self::Repeats(seq) => seq,
            Self::Unnumbered => 0,
        }
    }
}

/// What comes next.
pub(crate) enum NextChange {
    /// This change can be applied. It has left the queue.
    Ready(LogEntry),
    /// A change waits for the events up to this number, and they are not in the queue.
    Missing(u64),
    /// Nothing waits.
    Nothing,
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

    /// What comes next in a room that has applied the events up to the number `applied`. Only the worker calls this.
    pub(crate) fn next(&self, applied: u64) -> NextChange {
        let mut waiting = self.waiting.lock();
        match waiting.front().map(|first| first.place.after()) {
            Some(after) if after > applied => NextChange::Missing(after),
            _ => waiting.pop_front().map_or(NextChange::Nothing, NextChange::Ready),
        }
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

    /// Drops every change that waits: nothing will apply it. What it holds is free then.
    pub(crate) fn give_up(&self) {
        // Outside of the lock, because what is dropped takes the room's lock.
        let waiting = std::mem::take(&mut *self.waiting.lock());
        drop(waiting);
        self.give_up_unknown();
    }

    /// Drops the changes whose outcome is unknown: nothing will find out about them.
    pub(crate) fn give_up_unknown(&self) {
        let unknown = std::mem::take(&mut *self.unknown.lock());
        drop(unknown);
        self.note_progress();
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
