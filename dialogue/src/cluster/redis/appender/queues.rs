//! The queues of all rooms, and what the log tells about them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::queue::{Job, Queue};
use crate::cluster::Published;
use crate::cluster::redis::reply::AppendReply;
use crate::cluster::redis::shared::Shared;
use crate::id::RoomId;
use crate::log::durable::{Appended, StoreFailure, StoreHealth, Watch};

pub(super) struct Queues {
    pub(super) shared: Arc<Shared>,
    pub(super) runtime: tokio::runtime::Handle,
    /// The rooms that have something on its way.
    pub(super) rooms: Mutex<HashMap<RoomId, Room>>,
    pub(super) is_closed: AtomicBool,
    /// Notified when a room has nothing left, and when the log is closed.
    pub(super) changed: Notify,
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

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
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
