//! The queue of evicted events that `on_history_evicted` is to take over. Pure but for its lock; [`super::archive`] does the
//! work.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::history::{Bounds, StoredEvent};
use crate::id::{EventName, RoomId};
use crate::serial::SerialQueue;

/// The most events handed over in one call: enough to make a database's batch insert pay.
const BATCH: usize = 100;

/// The most events that may wait while the server runs, some 10 MB of chat lines. How many bytes is a limit of its own.
pub(super) const MAX_WAITING: usize = 50_000;

/// What has been evicted and not yet been taken over.
#[derive(Default)]
pub(crate) struct HandOver {
    /// Oldest first. A batch stays here until the hook has taken it, so that readers of the history find it meanwhile.
    waiting: Mutex<Waiting>,
    /// Runs the hook.
    pub(super) worker: SerialQueue,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Evicted>,
    /// Of all their texts.
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, evicted: Evicted) {
        self.bytes += evicted.event.body.len();
        self.events.push_back(evicted);
    }

    fn drop_oldest(&mut self) {
        if let Some(evicted) = self.events.pop_front() {
            self.bytes -= evicted.event.body.len();
        }
    }
}

/// An event that memory no longer keeps.
#[derive(Debug, Clone)]
pub(super) struct Evicted {
    pub(super) room: RoomId,
    pub(super) epoch: Arc<str>,
    pub(super) event: StoredEvent,
}

impl Evicted {
    /// Whether both may be handed over in one batch.
    fn goes_with(&self, other: &Self) -> bool {
        self.room == other.room && self.epoch == other.epoch && self.event.event == other.event.event
    }
}

impl HandOver {
    /// Queues events. Over the bounds the oldest are given up, since memory that waits for a dead database must end
    /// somewhere. Returns how many.
    pub(super) fn push(&self, events: impl IntoIterator<Item = Evicted>, bounds: Bounds) -> usize {
        let mut waiting = self.waiting.lock();
        events.into_iter().for_each(|evicted| waiting.push(evicted));
        let before = waiting.events.len();
        while waiting.events.len() > bounds.events || waiting.bytes > bounds.bytes {
            waiting.drop_oldest();
        }
        before - waiting.events.len()
    }

    /// How many events wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().events.len()
    }

    /// Waits until everything has been taken over or given up.
    pub(crate) async fn idle(&self) {
        self.worker.idle().await;
    }

    /// The events of one type that wait, newest first: those of this incarnation of the room, since numbers of others mean
    /// something else.
    pub(crate) fn waiting(&self, room: &str, epoch: &str, event: &EventName) -> Vec<StoredEvent> {
        self.waiting
            .lock()
            .events
            .iter()
            .rev()
            .filter(|evicted| evicted.room == *room && *evicted.epoch == *epoch && evicted.event.event == *event)
            .map(|evicted| evicted.event.clone())
            .collect()
    }

    /// The oldest events that wait, as many as are of one room and type.
    pub(super) fn next_batch(&self) -> Vec<Evicted> {
        let waiting = self.waiting.lock();
        let Some(first) = waiting.events.front() else {
            return Vec::new();
        };
        waiting
            .events
            .iter()
            .take_while(|evicted| evicted.goes_with(first))
            .take(BATCH)
            .cloned()
            .collect()
    }

    /// Forgets a batch, of which the oldest may have been given up meanwhile.
    pub(super) fn done(&self, batch: &[Evicted]) {
        let mut waiting = self.waiting.lock();
        for done in batch {
            let is_first = waiting
                .events
                .front()
                .is_some_and(|first| first.goes_with(done) && first.event.is_same(&done.event));
            if is_first {
                waiting.drop_oldest();
            }
        }
    }
}
