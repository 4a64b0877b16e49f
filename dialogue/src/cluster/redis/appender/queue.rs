//! The changes of one room that wait. Pure.

use std::collections::VecDeque;

use futures_util::future::BoxFuture;

use crate::cluster::Volatile;
use crate::cluster::redis::shared::own_part;
use crate::log::durable::{Append, RoomKey, StoreFailure, Ticket};

/// The most events of one batch: beyond that, the cost per event hardly falls, and the others wait longer.
const BATCH_EVENTS: usize = 64;

/// The most bytes of one batch, so that none blocks Redis for long. One event always fits.
const BATCH_BYTES: usize = 1024 * 1024;

/// A change of a room that is no event, such as its deletion. It gets an error if it must not begin.
pub(in crate::cluster::redis) type Barrier = Box<dyn FnOnce(Result<(), StoreFailure>) -> BoxFuture<'static, ()> + Send>;

pub(super) enum Job {
    Append(Box<Append>),
    Volatile(Box<Volatile>),
    Barrier(Barrier),
}

impl Job {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Append(append) => append.prepared.len(),
            Self::Volatile(volatile) => volatile.frame.text.len(),
            Self::Barrier(_) => 0,
        }
    }

    fn room(&self) -> Option<&RoomKey> {
        match self {
            Self::Append(append) => Some(&append.room),
            Self::Volatile(volatile) => Some(&volatile.room),
            Self::Barrier(_) => None,
        }
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        self.ticket().is_some_and(Ticket::is_withdrawn)
    }

    /// Of an event.
    pub(super) fn ticket(&self) -> Option<&Ticket> {
        match self {
            Self::Append(append) => Some(&append.ticket),
            Self::Volatile(volatile) => Some(&volatile.ticket),
            Self::Barrier(_) => None,
        }
    }
}

/// What comes next.
pub(super) enum Next {
    /// Events of one incarnation.
    Batch(Vec<Job>),
    Barrier(Barrier),
    Nothing,
}

#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<Job>,
}

impl Queue {
    pub(super) fn push(&mut self, job: Job) {
        self.waiting.push_back(job);
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Puts a batch back that was not sent.
    pub(super) fn put_back(&mut self, batch: Vec<Job>) {
        for job in batch.into_iter().rev() {
            self.waiting.push_front(job);
        }
    }

    /// Takes all jobs out for which that holds.
    pub(super) fn extract(&mut self, is_wanted: impl Fn(&Job) -> bool) -> Vec<Job> {
        if !self.waiting.iter().any(&is_wanted) {
            return Vec::new();
        }
        let (wanted, others): (VecDeque<_>, _) = self.waiting.drain(..).partition(is_wanted);
        self.waiting = others;
        wanted.into()
    }

    /// The next batch, or the next change that is no event.
    pub(super) fn next(&mut self) -> Next {
        let mut batch: Vec<Job> = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH_EVENTS {
            let Some(room) = self.waiting.front().map(Job::room) else {
                break;
            };
            let is_same = match (room, batch.first().and_then(Job::room)) {
                (Some(room), Some(first)) => own_part(&room.epoch) == own_part(&first.epoch),
                (is_event, first) => is_event.is_some() || first.is_none(),
            };
            bytes += self.waiting.front().map_or(0, Job::bytes);
            if !is_same || (!batch.is_empty() && bytes > BATCH_BYTES) {
                break;
            }
            match self.waiting.pop_front() {
                Some(Job::Barrier(barrier)) => return Next::Barrier(barrier),
                Some(job) => batch.push(job),
                None => break,
            }
        }
        if batch.is_empty() {
            Next::Nothing
        } else {
            Next::Batch(batch)
        }
    }
}
