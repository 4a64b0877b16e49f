//! The changes that wait for the writer's thread: first in, first out, bounded by their bytes.

use std::collections::VecDeque;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::job::Job;
use crate::log::durable::StoreFailure;

/// The most rows of one transaction. More of them gain nothing: the cost of a commit is then a small part.
const BATCH_ROWS: usize = 1_000;

/// The most bytes of one transaction, so that none takes long.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    /// The most bytes that wait.
    limit: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    bytes: usize,
    is_closed: bool,
}

/// Whether more changes can follow.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    More,
    /// The queue is empty, and stays empty.
    Last,
}

/// A change that the queue did not take.
pub(super) struct NotQueued {
    pub(super) job: Job,
    pub(super) why: StoreFailure,
}

impl Queue {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            filled: Condvar::new(),
            limit,
        }
    }

    /// A change that is larger than the limit is queued if nothing else waits.
    pub(super) fn push(&self, job: Job) -> Result<(), Box<NotQueued>> {
        let bytes = job.bytes();
        let mut state = self.state.lock();
        let why = if state.is_closed {
            StoreFailure::Closed
        } else if !state.waiting.is_empty() && state.bytes + bytes > self.limit {
            StoreFailure::Overloaded { limit: self.limit }
        } else {
            state.bytes += bytes;
            state.waiting.push_back(job);
            drop(state);
            self.filled.notify_one();
            return Ok(());
        };
        drop(state);
        Err(Box::new(NotQueued { job, why }))
    }

    /// Moves the next batch into `batch`. Waits until there is one, or until `deadline`.
    pub(super) fn take(&self, batch: &mut Vec<Job>, deadline: Option<Instant>) -> Taken {
        let mut state = self.state.lock();
        while state.waiting.is_empty() && !state.is_closed {
            match deadline {
                Some(deadline) => {
                    if self.filled.wait_until(&mut state, deadline).timed_out() {
                        break;
                    }
                }
                None => self.filled.wait(&mut state),
            }
        }
        let (mut rows, mut bytes) = (0, 0);
        while rows < BATCH_ROWS && bytes < BATCH_BYTES {
            let Some(job) = state.waiting.pop_front() else { break };
            rows += job.rows();
            bytes += job.bytes();
            batch.push(job);
        }
        state.bytes -= bytes;
        match state.waiting.is_empty() && state.is_closed {
            true => Taken::Last,
            false => Taken::More,
        }
    }

    /// What was pushed before is still taken.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.filled.notify_all();
    }

    /// How many changes wait, and their bytes.
    pub(super) fn waiting(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.waiting.len(), state.bytes)
    }
}
