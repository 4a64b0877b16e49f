//! The writer's thread: takes what waits, stores it in one transaction, and answers. In between, [`upkeep`] does the rest.

mod upkeep;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::failure::Broken;
use super::fault::StoreFaults;
use super::job::{Answered, Job, Outcome};
use super::ledger::Ledger;
use super::queue::Taken;
use super::shared::Shared;
use super::step::StepSize;
use super::transaction::{Transaction, transact};
use crate::containment::contain_sync;
use crate::log::durable::StoreFailure;
use crate::log::sqlite::connection::checkpoint_patiently;
use crate::log::sqlite::failure::failure;
use crate::log::sqlite::watched::Watched;

/// How often a store that fails is probed when nothing else is stored.
const PROBE: Duration = Duration::from_secs(1);

/// How often the thread looks for keys to drop and for a log to overwrite.
const UPKEEP: Duration = Duration::from_secs(1);

/// How often the thread moves the write-ahead log into the file, even if little has changed, to learn whether it can.
const CHECKPOINT: Duration = Duration::from_secs(10);

/// How often the clock of the file is noted.
const NOTE_CLOCK: Duration = Duration::from_secs(600);

pub(super) struct Thread {
    connection: Connection,
    ledger: Ledger,
    faults: StoreFaults,
    shared: Arc<Shared>,
    /// The changes of the present transaction, and what each did.
    batch: Vec<Job>,
    outcomes: Vec<Outcome>,
    step: StepSize,
    /// When the last transaction failed, if it did, and the bytes of the largest one.
    failed: Option<(Instant, usize)>,
    watched: Arc<Watched>,
    /// What happened to the files, if others have taken their place.
    replaced: Option<StoreFailure>,
    next_look: Instant,
    next_upkeep: Instant,
    next_checkpoint: Instant,
    /// Why the write-ahead log cannot be moved into the file, if it cannot. Changes are still stored.
    stuck: Option<StoreFailure>,
    next_note: Instant,
    /// Whether earlier runs are still remembered.
    remembers_earlier: bool,
    /// Whether the write-ahead log contains what must not stay there: data that was erased, or the note of this run.
    must_empty_log: bool,
}

impl Thread {
    pub(super) fn new(
        connection: Connection,
        ledger: Ledger,
        faults: StoreFaults,
        shared: Arc<Shared>,
        (watched, must_empty_log): (Arc<Watched>, bool),
    ) -> Self {
        shared.status.set_bytes(ledger.bytes());
        let now = Instant::now();
        Self {
            connection,
            ledger,
            faults,
            shared,
            batch: Vec::new(),
            outcomes: Vec::new(),
            step: StepSize::new(),
            failed: None,
            watched,
            replaced: None,
            next_look: now + UPKEEP,
            next_upkeep: now + UPKEEP,
            next_checkpoint: now + CHECKPOINT,
            stuck: None,
            next_note: now + NOTE_CLOCK,
            remembers_earlier: true,
            must_empty_log,
        }
    }

    /// Runs until the queue is closed and empty. A panic ends a transaction, but not the thread.
    pub(super) fn run(mut self) -> Answered<()> {
        loop {
            match contain_sync(|| self.turn()) {
                Ok(Taken::More) => {}
                Ok(Taken::Last) => break,
                Err(panic) => {
                    self.fail(&Broken::panicked(&panic));
                    // Whatever it was, it does not keep a processor busy.
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        }
        self.finish()
    }

    fn turn(&mut self) -> Taken {
        let next_turn = self.next_turn();
        let taken = self.shared.queue.take(&mut self.batch, Some(next_turn));
        // From now on, no deadline withdraws what was taken.
        self.batch.retain_mut(Job::begin);
        self.look_at_files();
        if let Some(why) = self.replaced.clone() {
            self.fail(&Broken::Refused(why));
        } else if !self.batch.is_empty() {
            self.store();
        }
        if self.failed.is_some() {
            self.probe();
        } else {
            self.keep_up();
        }
        taken
    }

    /// When there is something to do, even if nothing waits.
    fn next_turn(&self) -> Instant {
        match self.failed {
            Some((failed_at, _)) => failed_at + PROBE,
            None if !self.ledger.deleted.is_empty() => Instant::now(),
            None => self.next_upkeep,
        }
    }

    /// Stores the batch, all of it or nothing. If one change may be at fault, stores them one by one.
    fn store(&mut self) {
        match self.attempt() {
            Ok(()) => self.complete(),
            Err(Broken::OneByOne(_)) if self.batch.len() > 1 => self.store_one_by_one(),
            Err(broken) => self.fail(&broken),
        }
    }

    fn attempt(&mut self) -> Result<(), Broken> {
        let (batch, outcomes) = (&mut self.batch, &mut self.outcomes);
        outcomes.clear();
        transact(&self.connection, &mut self.ledger, &self.faults, |transaction| {
            transaction.apply_all(batch, outcomes)
        })
    }

    /// Answers the batch, which is stored.
    fn complete(&mut self) {
        self.faults.count(self.batch.len());
        self.works();
        if self.outcomes.iter().any(Outcome::has_erased) {
            self.empty_log();
        }
        for (job, outcome) in self.batch.drain(..).zip(self.outcomes.drain(..)) {
            job.complete(outcome);
        }
    }

    fn store_one_by_one(&mut self) {
        let jobs = std::mem::take(&mut self.batch);
        let mut stop: Option<StoreFailure> = None;
        for job in jobs {
            self.batch.push(job);
            if let Some(why) = &stop {
                let broken = Broken::Refused(why.clone());
                self.fail(&broken);
                continue;
            }
            match self.attempt() {
                Ok(()) => self.complete(),
                Err(broken) => {
                    self.fail(&broken);
                    // The disk or the file is at fault, so the others would fail too.
                    if let Broken::Refused(why) = broken {
                        stop = Some(why);
                    }
                }
            }
        }
    }

    /// Answers the batch, which is not stored, or may be.
    fn fail(&mut self, broken: &Broken) {
        let appends = self.batch.iter().filter(|job| matches!(job, Job::Append(_)));
        let appends = appends.count() as u64;
        match broken {
            Broken::Unknown(_) => self.shared.status.count_unknown(appends),
            Broken::Refused(_) | Broken::OneByOne(_) => self.shared.status.count_refused(appends),
        }
        self.fails(broken.failure(), self.batch.iter().map(Job::bytes).sum());
        for job in self.batch.drain(..) {
            let why = broken.failure().clone();
            match broken {
                Broken::Unknown(_) => job.leave_unknown(why),
                Broken::Refused(_) | Broken::OneByOne(_) => job.refuse(why),
            }
        }
    }

    fn transact<T>(&mut self, change: impl FnOnce(&mut Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, Broken> {
        transact(&self.connection, &mut self.ledger, &self.faults, change)
    }

    fn works(&mut self) {
        self.failed = None;
        self.shared.status.set_bytes(self.ledger.bytes());
        self.shared.status.set_failing(self.stuck.as_ref());
    }

    fn fails(&mut self, why: &StoreFailure, bytes: usize) {
        let bytes = self.failed.map_or(0, |(_, bytes)| bytes).max(bytes);
        self.failed = Some((Instant::now(), bytes));
        self.shared.status.set_failing(Some(why));
    }

    /// Notes that everything is stored, and closes the file.
    fn finish(mut self) -> Answered<()> {
        let noted = contain_sync(|| {
            if let Some(replaced) = self.watched.replaced() {
                return Err(replaced);
            }
            self.connection
                .pragma_update(None, "synchronous", "FULL")
                .map_err(|error| failure(&error))?;
            let noted = self.transact(|transaction| transaction.note("UPDATE meta SET is_clean = 1, clock = ?1"));
            noted.map_err(|broken| broken.failure().clone())?;
            checkpoint_patiently(&self.connection).map_err(|error| failure(&error))
        });
        match noted {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => {
                tracing::warn!(
                    "another program reads the store's file, so the newest events stay in its write-ahead log (`-wal`): \
                     keep both files together"
                );
                Ok(())
            }
            Ok(Err(failure)) => Err(failure),
            Err(panic) => Err(Broken::panicked(&panic).failure().clone()),
        }
    }
}
