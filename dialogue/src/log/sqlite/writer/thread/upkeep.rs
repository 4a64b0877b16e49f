//! What the thread does besides changes: probes a store that fails, looks after the files, and removes what is no longer
//! kept.

use std::time::Instant;

use super::{CHECKPOINT, NOTE_CLOCK, PROBE, Thread, UPKEEP};
use crate::log::sqlite::connection::{checkpoint, checkpoint_passively};
use crate::log::sqlite::failure::failure;
use crate::log::sqlite::writer::count::signed;
use crate::log::sqlite::writer::step::Step;
use crate::log::sqlite::writer::transaction::Transaction;

/// The least and the most that a probe writes. In between, it writes as much as the changes that failed.
const PROBE_BYTES: (usize, usize) = (16 * 1024, 1024 * 1024);

impl Thread {
    /// Each second: what is stored in a file that is no longer at its path is lost.
    pub(super) fn look_at_files(&mut self) {
        let now = Instant::now();
        if now >= self.next_look {
            self.next_look = now + UPKEEP;
            self.replaced = self.watched.replaced();
        }
    }

    /// Finds out whether the store works again. Space is what it lacks most often, so it needs some.
    pub(super) fn probe(&mut self) {
        let Some((failed_at, bytes)) = self.failed else { return };
        if failed_at.elapsed() < PROBE || self.replaced.is_some() {
            return;
        }
        let (least, most) = PROBE_BYTES;
        let bytes = i64::try_from(bytes.clamp(least, most)).unwrap_or(i64::MAX);
        let written = self.transact(|transaction| {
            let mut write = transaction
                .connection
                .prepare_cached("UPDATE meta SET probe = zeroblob(?1)")?;
            write.execute([bytes])
        });
        let cleared = written.and_then(|_| {
            self.transact(|transaction| {
                let mut clear = transaction.connection.prepare_cached("UPDATE meta SET probe = NULL")?;
                clear.execute([])
            })
        });
        match cleared {
            Ok(_) => self.works(),
            Err(broken) => self.fails(broken.failure(), 0),
        }
    }

    /// Takes one step of what is not urgent.
    pub(super) fn keep_up(&mut self) {
        if Instant::now() >= self.next_upkeep {
            if self.must_empty_log {
                self.empty_log();
            }
            self.move_log();
            self.note_clock();
            // Some of that can take long, and changes come first.
            self.next_upkeep = Instant::now() + UPKEEP;
        }
        // First, so that no key of an earlier run is noted as lost that is about to be forgotten.
        if self.remembers_earlier && self.ledger.key_clock.forgets_earlier_runs(self.faults.ahead()) {
            let step = self.step(|transaction, rows| transaction.forget_earlier_runs(rows));
            self.remembers_earlier = step != Some(Step::Finished);
            return;
        }
        let now = self.ledger.key_clock.now(self.faults.ahead());
        let bounds = self.faults.key_bounds();
        let excess = self.ledger.excess_keys(now, bounds);
        if excess > 0 {
            self.step(|transaction, rows| transaction.drop_keys(excess.min(signed(rows as u64)), bounds));
        } else if let Some(room) = self.ledger.deleted.last().copied()
            && self.step(|transaction, rows| transaction.purge(room, rows)) == Some(Step::Finished)
        {
            self.ledger.deleted.retain(|deleted| *deleted != room);
        }
    }

    /// Removes a number of rows, in a transaction of its own.
    fn step(&mut self, step: impl FnOnce(&mut Transaction<'_>, usize) -> rusqlite::Result<Step>) -> Option<Step> {
        let (began, rows) = (Instant::now(), self.step.rows());
        match self.transact(|transaction| step(transaction, rows)) {
            Ok(step) => {
                self.works();
                if step == Step::More {
                    self.step.adapt(began);
                }
                Some(step)
            }
            Err(broken) => {
                self.fails(broken.failure(), 0);
                None
            }
        }
    }

    /// Moves everything from the write-ahead log into the file. A reader may prevent that; it is then tried again.
    pub(super) fn empty_log(&mut self) {
        self.must_empty_log = !matches!(checkpoint(&self.connection), Ok(true));
    }

    /// Moves what no reader needs from the write-ahead log into the file, at times. SQLite does that too, but does not say
    /// that it fails: the log would grow without an end.
    fn move_log(&mut self) {
        let now = Instant::now();
        let fault = self.faults.at_checkpoint();
        if now < self.next_checkpoint && self.stuck.is_none() && fault.is_ok() {
            return;
        }
        self.next_checkpoint = now + CHECKPOINT;
        let moved = fault.and_then(|()| checkpoint_passively(&self.connection));
        self.stuck = moved.err().map(|error| failure(&error));
        self.shared.status.set_failing(self.stuck.as_ref());
    }

    /// Notes the clock of the file, so that the next run goes on from there even if no event comes.
    fn note_clock(&mut self) {
        if Instant::now() < self.next_note {
            return;
        }
        self.next_note = Instant::now() + NOTE_CLOCK;
        if let Err(broken) = self.transact(|transaction| transaction.note("UPDATE meta SET clock = ?1")) {
            self.fails(broken.failure(), 0);
        }
    }
}
