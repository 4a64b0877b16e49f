//! Changes of rooms, in their order: each room has a queue, and at most one batch of it is on its way to Redis.
//!
//! - [`queue`] is a room's queue. It is pure. [`queues`] has those of all rooms.
//! - [`batch`] writes the arguments of a batch, and gives each event its outcome.
//! - [`driver`] sends the batches of a room one after another.

mod batch;
mod driver;
mod queue;
mod queues;
#[cfg(test)]
mod tests;

use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) use self::batch::key_argument;
pub(super) use self::queue::Barrier;
use self::queue::Job;
use self::queues::{Queues, Room};
use super::message::Batch;
use super::reply::AppendReply;
use super::shared::Shared;
use crate::cluster::Volatile;
use crate::id::RoomId;
use crate::log::durable::{Append, StoreFailure, StoreHealth, Watch};

/// Whose batch a message brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Other,
    /// It is of this node. The outcomes are told, or will be.
    Own,
    /// It is of this node, which has said already that the outcomes are unknown.
    OwnButUnknown,
}

pub(super) struct Appender {
    queues: Arc<Queues>,
}

impl Appender {
    pub(super) fn new(shared: Arc<Shared>, runtime: tokio::runtime::Handle) -> Self {
        let queues = Arc::new(Queues::new(shared, runtime));
        Self { queues }
    }

    pub(super) fn append(&self, append: Append) {
        self.push(append.room.id.clone(), Job::Append(Box::new(append)));
    }

    pub(super) fn publish(&self, volatile: Volatile) {
        self.push(volatile.room.id.clone(), Job::Volatile(Box::new(volatile)));
    }

    /// Runs another change of the room in the order of its events: after all that came before.
    pub(super) fn barrier(&self, room: RoomId, change: Barrier) {
        self.push(room, Job::Barrier(change));
    }

    /// Runs something on the log's runtime.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.queues.runtime.spawn(work));
    }

    fn push(&self, id: RoomId, job: Job) {
        let (bytes, limit) = (job.bytes(), self.queues.shared.settings.queue_bytes);
        let before = self.queues.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let refusal = if self.queues.is_closed() {
            Some(StoreFailure::Closed)
        } else if let (Job::Volatile(_), Some(failure)) = (&job, self.queues.lost(&id)) {
            // It does not wait for Redis behind events that do.
            Some(failure)
        } else if bytes > 0 && before > 0 && before + bytes > limit {
            Some(StoreFailure::Overloaded { limit })
        } else {
            None
        };
        if let Some(failure) = refusal {
            self.queues.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.queues.refuse(job, &failure);
            return;
        }
        let is_idle = match self.queues.rooms.lock().entry(id.clone()) {
            Entry::Occupied(mut room) => {
                room.get_mut().queue.push(job);
                false
            }
            Entry::Vacant(room) => {
                room.insert(Room::default()).queue.push(job);
                true
            }
        };
        if is_idle {
            self.queues.runtime.spawn(driver::drive(Arc::clone(&self.queues), id));
        }
    }

    /// Whose batch a message brings.
    pub(super) fn origin(&self, batch: &Batch) -> Origin {
        if batch.node != self.queues.shared.node {
            return Origin::Other;
        }
        match self.queues.status.unknown_batches.lock().contains(&batch.counter) {
            true => Origin::OwnButUnknown,
            false => Origin::Own,
        }
    }

    /// A message says what became of a batch of this node. Whichever comes first counts, this or the reply. Call it when
    /// the runtime has the events that only the feed brings.
    pub(super) fn settle(&self, room: &str, batch: &Batch) {
        if batch.node != self.queues.shared.node {
            return;
        }
        let waiting = {
            let mut rooms = self.queues.rooms.lock();
            let room = rooms.get_mut(room);
            room.and_then(|room| room.in_flight.take_if(|(counter, _)| *counter == batch.counter))
        };
        if let Some((_, waiting)) = waiting {
            let _the_reply_was_first = waiting.send(AppendReply::Stored {
                epoch: Arc::clone(&batch.epoch),
                seq: batch.seq,
                answers: batch.answers.clone(),
            });
        }
    }

    /// Refuses later changes. Ends when everything that was handed over has its outcome; without contact, that is at once.
    pub(super) async fn close(&self) {
        self.queues.is_closed.store(true, Ordering::Relaxed);
        self.queues.closed.notify_waiters();
        loop {
            let changed = self.queues.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.queues.rooms.lock().is_empty() {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn health(&self) -> StoreHealth {
        self.queues.health()
    }

    pub(super) fn watch(&self, watch: Watch) {
        self.queues.watch(watch);
    }
}
