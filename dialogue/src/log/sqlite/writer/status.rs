//! What the writer's thread tells others: whether the store fails, its counters, and its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::job::Answered;
use super::reply::Reply;
use crate::containment::contain_sync;
use crate::log::durable::{StoreFailure, StoreHealth, Watch};

#[derive(Default)]
pub(super) struct Status {
    failing: Mutex<Option<StoreFailure>>,
    watch: Mutex<Option<Arc<Watch>>>,
    refused: AtomicU64,
    unknown: AtomicU64,
    bytes: AtomicU64,
    end: Mutex<End>,
}

#[derive(Default)]
struct End {
    /// How the thread ended.
    outcome: Option<Answered<()>>,
    waiting: Vec<Reply<Answered<()>>>,
}

impl Status {
    /// Why the last change failed, if none has succeeded since.
    pub(super) fn failing(&self) -> Option<StoreFailure> {
        self.failing.lock().clone()
    }

    /// Notes what the last change showed, and tells it to the watcher if it is new. Only the writer's thread calls this.
    pub(super) fn set_failing(&self, now: Option<&StoreFailure>) {
        {
            let mut failing = self.failing.lock();
            if failing.as_ref() == now {
                return;
            }
            *failing = now.cloned();
        }
        let watch = self.watch.lock().clone();
        if let Some(watch) = watch {
            let _a_panic_affects_nothing_else = contain_sync(|| watch(now));
        }
    }

    pub(super) fn watch(&self, watch: Watch) {
        *self.watch.lock() = Some(Arc::new(watch));
    }

    pub(super) fn count_refused(&self, appends: u64) {
        self.refused.fetch_add(appends, Ordering::Relaxed);
    }

    pub(super) fn count_unknown(&self, appends: u64) {
        self.unknown.fetch_add(appends, Ordering::Relaxed);
    }

    pub(super) fn set_bytes(&self, bytes: i64) {
        self.bytes.store(bytes.max(0).cast_unsigned(), Ordering::Relaxed);
    }

    pub(super) fn health(&self, (waiting, waiting_bytes): (usize, usize)) -> StoreHealth {
        StoreHealth {
            failing: self.failing(),
            waiting,
            waiting_bytes,
            refused: self.refused.load(Ordering::Relaxed),
            unknown: self.unknown.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// `reply` receives how the thread ended, once it has.
    pub(super) fn on_end(&self, reply: Reply<Answered<()>>) {
        let mut end = self.end.lock();
        match end.outcome.clone() {
            Some(outcome) => {
                drop(end);
                reply.send(outcome);
            }
            None => end.waiting.push(reply),
        }
    }

    /// The thread ends. The first outcome counts.
    pub(super) fn ended(&self, outcome: Answered<()>) {
        let (waiting, outcome) = {
            let mut end = self.end.lock();
            let outcome = end.outcome.get_or_insert(outcome).clone();
            (std::mem::take(&mut end.waiting), outcome)
        };
        for reply in waiting {
            reply.send(outcome.clone());
        }
    }
}
