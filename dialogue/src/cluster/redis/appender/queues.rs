//! The queues of all rooms, and what the log tells about them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::queue::{Job, Queue};
use crate::cluster::redis::keys::Partition;
use crate::cluster::redis::reply::AppendReply;
use crate::cluster::redis::shared::Shared;
use crate::cluster::{Contact, Published};
use crate::id::RoomId;
use crate::log::durable::{Appended, StoreFailure, StoreHealth, Watch};

pub(super) struct Queues {
    pub(super) shared: Arc<Shared>,
    pub(super) runtime: tokio::runtime::Handle,
    /// The rooms that have something on its way.
    pub(super) rooms: Mutex<HashMap<RoomId, Room>>,
    pub(super) is_closed: AtomicBool,
    contact: watch::Receiver<Contact>,
    /// Notified when a room has nothing left.
    pub(super) changed: Notify,
    /// Notified when the log is closed.
    pub(super) closed: Notify,
    /// Of the batches of all rooms, so that each room's increase.
    pub(super) last_counter: AtomicU64,
    pub(super) waiting_bytes: AtomicUsize,
    pub(super) status: Status,
}

#[derive(Default)]
pub(super) struct Room {
    pub(super) queue: Queue,
    /// The batch that is on its way, and who waits for its answer.
    pub(super) in_flight: Option<(u64, oneshot::Sender<AppendReply>)>,
}

#[derive(Default)]
pub(super) struct Status {
    pub(super) failing: Mutex<Option<StoreFailure>>,
    watch: Mutex<Option<Arc<Watch>>>,
    pub(super) refused: AtomicU64,
    pub(super) unknown: AtomicU64,
    /// The last batches whose outcome was told as unknown.
    pub(super) unknown_batches: Mutex<VecDeque<u64>>,
}

impl Queues {
    pub(super) fn new(shared: Arc<Shared>, runtime: tokio::runtime::Handle) -> Self {
        let contact = shared.calls.contact();
        Self {
            shared,
            runtime,
            contact,
            rooms: Mutex::default(),
            is_closed: AtomicBool::new(false),
            changed: Notify::new(),
            closed: Notify::new(),
            last_counter: AtomicU64::new(0),
            waiting_bytes: AtomicUsize::new(0),
            status: Status::default(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// The partition of a room, if the nodes have agreed on the partitions.
    pub(super) fn partition(&self, room: &RoomId) -> Option<Partition> {
        let agreed = self.shared.agreed().ok()?;
        Some(agreed.keys.partition(room))
    }

    /// Whether the server of a partition cannot be reached.
    pub(super) fn is_lost(&self, partition: Partition) -> bool {
        self.shared.identity(partition).is_err()
    }

    /// Why the server of a room cannot be reached. Cheap while all servers can.
    pub(super) fn lost(&self, room: &RoomId) -> Option<StoreFailure> {
        if *self.contact.borrow() == Contact::Connected {
            return None;
        }
        self.partition(room)
            .and_then(|partition| self.shared.identity(partition).err())
    }

    /// Waits until the server of a partition can be reached, the time is up, or the log is closed.
    pub(super) async fn until_contact(&self, partition: Partition, end: Instant) {
        let mut contact = self.shared.calls.contact();
        // Looks after it has begun to listen, and after each change, so that none is missed.
        while self.is_lost(partition) && !self.is_closed() && Instant::now() < end {
            let changed = async {
                if contact.changed().await.is_err() {
                    // The connections have ended.
                    std::future::pending().await
                }
            };
            self.rest(end, changed).await;
        }
    }

    /// Waits until the time is up, something happens, or the log is closed.
    pub(super) async fn rest(&self, end: Instant, event: impl Future<Output = ()>) {
        let closed = self.closed.notified();
        // It is notified from here on.
        if self.is_closed() {
            return;
        }
        tokio::select! {
            () = closed => {}
            () = event => {}
            () = sleep_until(end) => {}
        }
    }

    pub(super) fn set_failing(&self, now: Option<&StoreFailure>) {
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

    pub(super) fn refuse(&self, job: Job, failure: &StoreFailure) {
        match job {
            Job::Append(append) => {
                self.status.refused.fetch_add(1, Ordering::Relaxed);
                (append.done)(Appended::Refused(failure.clone()));
            }
            Job::Volatile(volatile) => (volatile.done)(Published::NotSent(failure.clone())),
            Job::Barrier(change) => drop(self.runtime.spawn(change(Err(failure.clone())))),
        }
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

    pub(super) fn watch(&self, watch: Watch) {
        *self.status.watch.lock() = Some(Arc::new(watch));
    }
}
