//! The writer: a thread that has the only connection that changes the file.
//!
//! Owns the order of changes, their numbers, and which of them are stored, refused or unknown.
//!
//! - [`queue`] has the changes that wait, [`job`] what they are, and [`reply`] where their outcomes go.
//! - [`thread`] takes a batch, stores it, and answers. [`transaction`] is all or nothing, and [`failure`] says what an
//!   error means.
//! - [`append`], [`rooms`], [`removal`], [`erase`] and [`keys`] are what a transaction does. [`ledger`] is what the thread
//!   remembers between transactions, with [`count`], and [`clock`] its time. A removal of many rows has several [`step`]s.
//! - [`shared`] is what the handle and the thread share, [`status`] what others see of the thread, and [`fault`] what tests do to it.

mod append;
mod clock;
mod count;
mod erase;
mod failure;
mod fault;
mod job;
mod keys;
mod ledger;
mod queue;
mod removal;
mod reply;
mod rooms;
mod shared;
mod status;
mod step;
#[cfg(test)]
mod tests;
mod thread;
mod transaction;

use std::io;
use std::sync::Arc;

use futures_util::FutureExt;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::oneshot;

pub use self::fault::{StoreError, StoreFault, StoreFaults};

use self::clock::{EventClock, KeyClock};
use self::job::{Answered, Job};
use self::ledger::Ledger;
use self::queue::Queue;
use self::reply::Reply;
use self::shared::Shared;
use self::status::Status;
use self::thread::Thread;
use super::identity::Identity;
use super::lock::Lock;
use super::watched::Watched;
use crate::id::UserId;
use crate::log::durable::{
    Answer, Append, AppendKey, Done, ErasedPlace, ExpiredEvent, KeyOutcome, NewRoom, RoomExists, RoomKey, StoreFailure,
    StoreHealth, Watch,
};

/// How many events one transaction removes at most.
const REMOVED_AT_ONCE: usize = 250;

/// What the writer needs besides its connection.
pub(super) struct WriterSettings {
    pub(super) identity: Arc<Identity>,
    /// The most bytes that may wait (`Limits::store_queue_bytes`).
    pub(super) queue_bytes: usize,
    /// The thread drops it last, after its connection: another server may then open the file, unless a reader still has it.
    pub(super) lock: Arc<Lock>,
    pub(super) watched: Arc<Watched>,
    /// Whether the write-ahead log has to be emptied soon.
    pub(super) must_empty_log: bool,
    /// What tests do to it. [`StoreFaults::default`] does nothing.
    pub(super) faults: StoreFaults,
}

/// Why the writer did not start.
#[derive(Debug)]
pub(super) enum NotStarted {
    /// The file cannot be read.
    Database(rusqlite::Error),
    /// The operating system gives no thread.
    Thread(io::Error),
}

impl From<rusqlite::Error> for NotStarted {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// The handle of the writer's thread. The thread ends when the handle is dropped, after it has stored what was handed
/// over.
pub(super) struct Writer {
    shared: Arc<Shared>,
    event_clock: Arc<Mutex<EventClock>>,
    key_clock: KeyClock,
    faults: StoreFaults,
}

impl Writer {
    /// Starts the thread. The connection is in WAL mode, and its `synchronous` is that of the durability. The file's
    /// meta row says that the last shutdown was not clean; the writer changes that when it ends.
    pub(super) fn start(connection: Connection, settings: WriterSettings) -> Result<Self, NotStarted> {
        let WriterSettings {
            identity,
            queue_bytes,
            lock,
            watched,
            must_empty_log,
            faults,
        } = settings;
        // Dropped before the lock, also if the thread does not start.
        let connection = connection;
        // What is erased must not stay in a free part of a page.
        connection.pragma_update(None, "secure_delete", true)?;
        let ledger = Ledger::load(&connection, identity, faults.wall())?;
        let shared = Arc::new(Shared {
            queue: Queue::new(queue_bytes),
            status: Status::default(),
        });
        let writer = Self {
            shared: Arc::clone(&shared),
            event_clock: Arc::clone(&ledger.event_clock),
            key_clock: ledger.key_clock,
            faults: faults.clone(),
        };
        let thread = Thread::new(
            connection,
            ledger,
            faults,
            Arc::clone(&shared),
            (watched, must_empty_log),
        );
        std::thread::Builder::new()
            .name("dialogue-store".to_owned())
            .spawn(move || {
                let outcome = thread.run();
                // The connection is closed now. Another server may open the file before those who wait hear of the end.
                drop(lock);
                shared.status.ended(outcome);
            })
            .map_err(NotStarted::Thread)?;
        Ok(writer)
    }

    /// See [`DurableLog::append`](crate::log::durable::DurableLog::append). An append that is refused because too much
    /// waits, or because the store is closed, is answered within this call. All other answers come from the thread.
    pub(super) fn append(&self, append: Append) {
        self.push(Job::Append(append.into()));
    }

    pub(super) fn create_room(&self, room: NewRoom) -> Answer<Result<Arc<str>, RoomExists>> {
        self.ask(|reply| Job::CreateRoom { room, reply })
    }

    pub(super) fn delete_room(&self, room: RoomKey, stays_deleted: bool, done: Done<Answered<bool>>) {
        let reply = Reply::new(done);
        self.push(Job::DeleteRoom {
            room,
            stays_deleted,
            reply,
        });
    }

    /// Removes a part after another, so that other changes can come in between. The first failure counts.
    pub(super) fn remove(&self, expired: Vec<ExpiredEvent>) -> Answer<()> {
        let (parts, left) = (expired.chunks(REMOVED_AT_ONCE), expired.len().div_ceil(REMOVED_AT_ONCE));
        let (done, answer) = answered();
        let gathered = Arc::new(Mutex::new(Gathered {
            left,
            outcome: Ok(()),
            reply: Some(done),
        }));
        if left == 0 {
            Gathered::finish(&gathered);
        }
        for part in parts {
            let gathered = Arc::clone(&gathered);
            let reply = Reply::new(Box::new(move |outcome| Gathered::add(&gathered, outcome)));
            let expired = part.to_vec();
            self.push(Job::Remove { expired, reply });
        }
        answer
    }

    pub(super) fn erase(&self, events: Vec<ErasedPlace>, done: Done<Answered<Vec<ErasedPlace>>>) {
        let reply = Reply::new(done);
        self.push(Job::Erase { events, reply });
    }

    pub(super) fn revoke(&self, user: UserId, at: u64) -> Answer<()> {
        self.ask(|reply| Job::Revoke { user, at, reply })
    }

    /// What an append with this key would find now. `room` is the row of the key's room, if it has one.
    pub(super) fn key_outcome(
        &self,
        connection: &Connection,
        room: Option<i64>,
        key: &AppendKey,
    ) -> rusqlite::Result<KeyOutcome> {
        keys::outcome(connection, room, key, self.key_clock.counts_after(self.faults.ahead()))
    }

    /// The time that an event would get now, in milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.event_clock.lock().now(self.faults.wall())
    }

    pub(super) fn health(&self) -> StoreHealth {
        self.shared.status.health(self.shared.queue.waiting())
    }

    pub(super) fn watch(&self, watch: Watch) {
        self.shared.status.watch(watch);
    }

    /// Stores what was handed over, notes that nothing was lost, and closes the file. A second call gives the same.
    pub(super) fn close(&self) -> Answer<()> {
        self.shared.queue.close();
        let (reply, answer) = answered();
        self.shared.status.on_end(reply);
        answer
    }

    fn ask<T: Send + 'static>(&self, job: impl FnOnce(Reply<Answered<T>>) -> Job) -> Answer<T> {
        let (reply, answer) = answered();
        self.push(job(reply));
        answer
    }

    fn push(&self, job: Job) {
        if let Err(not_queued) = self.shared.queue.push(job) {
            let is_append = matches!(not_queued.job, Job::Append(_));
            self.shared.status.count_refused(u64::from(is_append));
            not_queued.job.refuse(not_queued.why);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

/// A reply, and the future that gets it.
fn answered<T: Send + 'static>() -> (Reply<Answered<T>>, Answer<T>) {
    let (sender, receiver) = oneshot::channel();
    let reply = Reply::new(Box::new(move |outcome| {
        let _the_receiver_may_be_gone = sender.send(outcome);
    }));
    let answer = receiver.map(|outcome| outcome.unwrap_or(Err(StoreFailure::Closed)));
    (reply, answer.boxed())
}

/// The outcome of a change with several parts.
struct Gathered {
    left: usize,
    outcome: Answered<()>,
    reply: Option<Reply<Answered<()>>>,
}

impl Gathered {
    fn add(gathered: &Mutex<Self>, outcome: Answered<()>) {
        let is_last = {
            let mut gathered = gathered.lock();
            if gathered.outcome.is_ok() {
                gathered.outcome = outcome;
            }
            gathered.left -= 1;
            gathered.left == 0
        };
        if is_last {
            Self::finish(gathered);
        }
    }

    fn finish(gathered: &Mutex<Self>) {
        let (reply, outcome) = {
            let mut gathered = gathered.lock();
            (gathered.reply.take(), gathered.outcome.clone())
        };
        if let Some(reply) = reply {
            reply.send(outcome);
        }
    }
}
