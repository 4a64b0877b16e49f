//! Faults that tests inject into the writer's thread. Without a test, none is planned, and a transaction pays for one
//! atomic load.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rusqlite::ffi;

use super::count::{KeyBounds, signed};
use crate::log::sqlite::system::now;

/// Faults of a store's thread, for tests. Each clone controls the same store.
///
/// A fault applies to a whole transaction. A transaction has all the changes that wait, up to 1,000.
#[derive(Debug, Clone, Default)]
pub struct StoreFaults(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Whether a transaction has to look at `plan` at all.
    is_planned: AtomicBool,
    plan: Mutex<Plan>,
    changed: Condvar,
    /// The most pages that the file may have, plus 1. 0 if that did not change.
    pages: AtomicU64,
    /// How far the clock of keys is ahead, in milliseconds.
    ahead: AtomicU64,
    /// How far the wall clock was moved, in milliseconds.
    moved: AtomicI64,
    /// Whether the log cannot be moved into the file.
    keeps_log: AtomicBool,
    /// The most keys that are kept. 0 for as many as always.
    keys: AtomicU64,
    transactions: AtomicU64,
    changes: AtomicU64,
}

#[derive(Debug, Default)]
struct Plan {
    /// For the next transactions, one each.
    next: VecDeque<Option<StoreFault>>,
    /// For all others.
    always: Option<StoreFault>,
    is_stalled: bool,
    /// Transactions that wait for the end of the stall.
    waiting: usize,
}

/// What goes wrong in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFault {
    /// The commit takes this much longer.
    Slow(Duration),
    /// The statement of this change of the transaction fails, counted from 0. Nothing is stored.
    AtChange(usize, StoreError),
    /// The commit fails. Nothing is stored.
    AtCommit(StoreError),
    /// The commit fails after it has stored everything.
    AfterCommit(StoreError),
    /// The thread panics before the commit.
    PanicBeforeCommit,
    /// The thread panics after the commit.
    PanicAfterCommit,
}

/// What a statement reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk is full.
    Full,
    /// The file is read-only.
    ReadOnly,
    /// The disk reports an error.
    Io,
    /// Another program has locked the file.
    Busy,
    /// The change breaks a rule of the tables.
    Constraint,
    /// The file is damaged.
    Corrupt,
}

impl StoreFaults {
    /// No fault.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next transaction that no earlier call is about has this fault.
    pub fn once(&self, fault: StoreFault) {
        self.change(|plan| plan.next.push_back(Some(fault)));
    }

    /// The next transaction that no earlier call is about has no fault.
    pub fn pass(&self) {
        self.change(|plan| plan.next.push_back(None));
    }

    /// All transactions have this fault, until [`heal`](Self::heal).
    pub fn always(&self, fault: StoreFault) {
        self.change(|plan| plan.always = Some(fault));
    }

    /// No transaction has a fault any more.
    pub fn heal(&self) {
        self.change(|plan| {
            plan.next.clear();
            plan.always = None;
            plan.is_stalled = false;
        });
    }

    /// Transactions wait before their commit, until [`release`](Self::release).
    pub fn stall(&self) {
        self.change(|plan| plan.is_stalled = true);
    }

    /// Ends a stall.
    pub fn release(&self) {
        self.change(|plan| plan.is_stalled = false);
    }

    /// Blocks this thread until a transaction waits for [`release`](Self::release).
    pub fn wait_until_stalled(&self) {
        let mut plan = self.0.plan.lock();
        while plan.waiting == 0 {
            self.0.changed.wait(&mut plan);
        }
    }

    /// Whether a transaction waits for [`release`](Self::release).
    #[must_use]
    pub fn is_stalling(&self) -> bool {
        self.0.plan.lock().waiting > 0
    }

    /// Idempotency keys grow older by this.
    pub fn age_keys(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.ahead.fetch_add(by, Ordering::Relaxed);
    }

    /// Moves the wall clock by this many milliseconds.
    pub fn move_clock(&self, by: i64) {
        self.0.moved.fetch_add(by, Ordering::Relaxed);
    }

    /// Whether moving the write-ahead log into the file fails from now on.
    pub fn fail_checkpoints(&self, fail: bool) {
        self.0.keeps_log.store(fail, Ordering::Relaxed);
    }

    /// The file may have at most this many pages (`PRAGMA max_page_count`), as if the disk were full.
    pub fn limit_pages(&self, pages: Option<u32>) {
        // The largest number that SQLite accepts.
        let pages = pages.unwrap_or(0xffff_fffe);
        self.0.pages.store(u64::from(pages) + 1, Ordering::Relaxed);
    }

    /// The file keeps at most this many keys, a quarter of them for repetitions of earlier runs only. It notes as many
    /// connections that have lost keys.
    pub fn limit_keys(&self, most: u32) {
        self.0.keys.store(most.into(), Ordering::Relaxed);
    }

    /// How many transactions were committed, and how many changes they had.
    #[must_use]
    pub fn committed(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.0.transactions), count(&self.0.changes))
    }

    fn change(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.0.plan.lock());
        self.0.is_planned.store(true, Ordering::Release);
        self.0.changed.notify_all();
    }

    /// What a checkpoint reports.
    pub(super) fn at_checkpoint(&self) -> rusqlite::Result<()> {
        match self.0.keeps_log.load(Ordering::Relaxed) {
            false => Ok(()),
            true => Err(StoreError::Io.into()),
        }
    }

    /// The wall clock, in milliseconds since 1970.
    pub(super) fn wall(&self) -> i64 {
        now() + self.0.moved.load(Ordering::Relaxed)
    }

    pub(super) fn ahead(&self) -> Duration {
        Duration::from_millis(self.0.ahead.load(Ordering::Relaxed))
    }

    pub(super) fn key_bounds(&self) -> KeyBounds {
        match self.0.keys.load(Ordering::Relaxed) {
            0 => KeyBounds::default(),
            most => KeyBounds::of(signed(most)),
        }
    }

    /// The most pages that the file may have from now on, if that changes.
    pub(super) fn new_page_limit(&self) -> Option<u64> {
        match self.0.pages.load(Ordering::Relaxed) {
            0 => None,
            _ => self.0.pages.swap(0, Ordering::Relaxed).checked_sub(1),
        }
    }

    pub(super) fn count(&self, changes: usize) {
        self.0.transactions.fetch_add(1, Ordering::Relaxed);
        self.0.changes.fetch_add(changes as u64, Ordering::Relaxed);
    }

    /// The fault of the transaction that begins.
    pub(super) fn begin(&self) -> Option<StoreFault> {
        if !self.0.is_planned.load(Ordering::Acquire) {
            return None;
        }
        let mut plan = self.0.plan.lock();
        plan.next.pop_front().unwrap_or(plan.always)
    }

    /// Waits while the store is stalled.
    pub(super) fn wait_before_commit(&self) {
        if !self.0.is_planned.load(Ordering::Acquire) {
            return;
        }
        let mut plan = self.0.plan.lock();
        if !plan.is_stalled {
            return;
        }
        plan.waiting += 1;
        self.0.changed.notify_all();
        while plan.is_stalled {
            self.0.changed.wait(&mut plan);
        }
        plan.waiting -= 1;
    }
}

impl StoreFault {
    /// Before the change with this place in the transaction.
    pub(super) fn at_change(self, place: usize) -> rusqlite::Result<()> {
        match self {
            Self::AtChange(at, error) if at == place => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn at_commit(self) -> rusqlite::Result<()> {
        match self {
            Self::AtCommit(error) => Err(error.into()),
            Self::Slow(by) => {
                std::thread::sleep(by);
                Ok(())
            }
            #[expect(clippy::panic, reason = "a test asked for it")]
            Self::PanicBeforeCommit => panic!("panicked before the commit, as the test wants"),
            _ => Ok(()),
        }
    }

    pub(super) fn after_commit(self) -> rusqlite::Result<()> {
        match self {
            Self::AfterCommit(error) => Err(error.into()),
            #[expect(clippy::panic, reason = "a test asked for it")]
            Self::PanicAfterCommit => panic!("panicked after the commit, as the test wants"),
            _ => Ok(()),
        }
    }
}

impl From<StoreError> for rusqlite::Error {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Full => ffi::SQLITE_FULL,
            StoreError::ReadOnly => ffi::SQLITE_READONLY,
            StoreError::Io => ffi::SQLITE_IOERR,
            StoreError::Busy => ffi::SQLITE_BUSY,
            StoreError::Constraint => ffi::SQLITE_CONSTRAINT,
            StoreError::Corrupt => ffi::SQLITE_CORRUPT,
        };
        Self::SqliteFailure(ffi::Error::new(code), None)
    }
}
