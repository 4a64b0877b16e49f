//! Changes of rooms, in their order: each room has a queue, and at most one batch of it is on its way to Redis.
//!
//! - [`queue`] is a room's queue. It is pure.
//! - [`batch`] writes the arguments of a batch, and gives each event its outcome.
//! - [`driver`] sends the batches of a room one after another.

mod batch;
mod driver;
pub(super) mod queue;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

pub(super) use self::batch::key_argument;
use self::queue::{Job, Queue};
use super::message::Batch;
use super::reply::AppendReply;
use super::shared::{Shared, failed};
use crate::id::{EventName, RoomId};
use crate::log::durable::{Append, Appended, Done, RoomKey, StoreFailure, StoreHealth, Watch};

/// An event without history that is published in the order of the room.
pub(in crate::cluster) struct Volatile {
    pub(in crate::cluster) room: RoomKey,
    pub(in crate::cluster) event: EventName,
    /// The frame's text.
    pub(in crate::cluster) text: Bytes,
    pub(in crate::cluster) done: Done<Published>,
}

/// The outcome of a volatile event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cluster) enum Published {
    /// The feed brings it.
    Sent,
    /// No other node gets it.
    NotSent(StoreFailure),
    /// The feed may bring it.
    Unknown(StoreFailure),
    /// This incarnation of the room does not exist any more.
    NoSuchRoom,
}

pub(super) struct Appender {
    shared: Arc<Shared>,
    runtime: tokio::runtime::Handle,
    /// The rooms that have something on its way.
    rooms: Mutex<HashMap<RoomId, Room>>,
    is_closed: AtomicBool,
    /// Notified when a room has nothing left, and when the log is closed.
    changed: Notify,
    /// Of the batches of all rooms, so that each room's increase.
    last_counter: AtomicU64,
    waiting_bytes: AtomicUsize,
    status: Status,
}

#[derive(Default)]
struct Room {
    queue: Queue,
    /// The batch that is on its way, and who waits for its answer.
    in_flight: Option<(u64, oneshot::Sender<AppendReply>)>,
}

#[derive(Default)]
struct Status {
    failing: Mutex<Option<StoreFailure>>,
    watch: Mutex<Option<Arc<Watch>>>,
    refused: AtomicU64,
    unknown: AtomicU64,
}

impl Appender {
    pub(super) fn new(shared: Arc<Shared>, runtime: tokio::runtime::Handle) -> Self {
        Self {
            shared,
            runtime,
            rooms: Mutex::default(),
            is_closed: AtomicBool::new(false),
            changed: Notify::new(),
            last_counter: AtomicU64::new(0),
            waiting_bytes: AtomicUsize::new(0),
            status: Status::default(),
        }
    }

    pub(super) fn append(self: &Arc<Self>, append: Append) {
        self.push(append.room.id.clone(), Job::Append(Box::new(append)));
    }

    pub(super) fn publish(self: &Arc<Self>, volatile: Volatile) {
        self.push(volatile.room.id.clone(), Job::Volatile(volatile));
    }

    /// Runs another change of the room in the order of its events: after all that came before.
    pub(super) fn barrier(self: &Arc<Self>, room: RoomId, change: queue::Barrier) {
        self.push(room, Job::Barrier(change));
    }

    /// Runs something on the log's runtime.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(work));
    }

    fn push(self: &Arc<Self>, id: RoomId, job: Job) {
        let (bytes, limit) = (job.bytes(), self.shared.settings.queue_bytes);
        let before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let refusal = if self.is_closed() {
            Some(StoreFailure::Closed)
        } else if bytes > 0 && before > 0 && before + bytes > limit {
            Some(StoreFailure::Overloaded { limit })
        } else {
            None
        };
        if let Some(failure) = refusal {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.refuse(job, &failure);
            return;
        }
        let is_idle = match self.rooms.lock().entry(id.clone()) {
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
            self.runtime.spawn(driver::drive(Arc::clone(self), id));
        }
    }

    /// A message says what became of a batch of this node. Whichever comes first counts, this or the reply.
    pub(super) fn settle(&self, room: &str, batch: &Batch) {
        if batch.node != self.shared.node {
            return;
        }
        let waiting = {
            let mut rooms = self.rooms.lock();
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

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Refuses later changes. Ends when everything that was handed over has its outcome; without contact, that is at once.
    pub(super) async fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.changed.notify_waiters();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.rooms.lock().is_empty() {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn watch(&self, watch: Watch) {
        *self.status.watch.lock() = Some(Arc::new(watch));
    }

    pub(super) fn health(&self) -> StoreHealth {
        StoreHealth {
            failing: self.status.failing.lock().clone(),
            waiting: self.rooms.lock().values().map(|room| room.queue.len()).sum(),
            waiting_bytes: self.waiting_bytes.load(Ordering::Relaxed),
            refused: self.status.refused.load(Ordering::Relaxed),
            unknown: self.status.unknown.load(Ordering::Relaxed),
            bytes: 0,
        }
    }

    fn set_failing(&self, now: Option<&StoreFailure>) {
        {
            let mut failing = self.status.failing.lock();
            if failing.as_ref() == now {
                return;
            }
            *failing = now.cloned();
        }
        let watch = self.status.watch.lock().clone();
        if let Some(watch) = watch {
            watch(now);
        }
    }

    fn refuse(&self, job: Job, failure: &StoreFailure) {
        match job {
            Job::Append(append) => {
                self.status.refused.fetch_add(1, Ordering::Relaxed);
                (append.done)(Appended::Refused(failure.clone()));
            }
            Job::Volatile(volatile) => (volatile.done)(Published::NotSent(failure.clone())),
            Job::Barrier(change) => drop(self.runtime.spawn(change(Err(failure.clone())))),
        }
    }
}

/// A job was withdrawn at its deadline. The runtime has said so already.
fn withdrawn() -> StoreFailure {
    failed("the event was withdrawn at its deadline".to_owned())
}
