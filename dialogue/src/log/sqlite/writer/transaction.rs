//! One transaction: all of it is stored, or none.

use std::time::Duration;

use rusqlite::{CachedStatement, Connection};

use super::failure::Broken;
use super::fault::{StoreFault, StoreFaults};
use super::job::{Job, Outcome};
use super::ledger::Ledger;
use crate::containment::contain_sync;

/// Stores an event.
const INSERT_EVENT: &str = "INSERT INTO events (room, type, seq, at, sender, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// Stores a key. Changes nothing if there is one.
const INSERT_KEY: &str = "INSERT INTO keys (room, user, key, connection, seq, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
     ON CONFLICT (room, user, key) DO NOTHING";

/// A transaction that has begun.
pub(super) struct Transaction<'a> {
    pub(super) connection: &'a Connection,
    pub(super) ledger: &'a mut Ledger,
    pub(super) insert_event: CachedStatement<'a>,
    pub(super) insert_key: CachedStatement<'a>,
    /// The time of its events, in milliseconds.
    pub(super) event_time: i64,
    /// Keys from after this time count.
    pub(super) keys_count_after: i64,
    fault: Option<StoreFault>,
}

/// Runs `changes` in a transaction. If that fails or panics, the transaction is rolled back, and the ledger forgets it.
pub(super) fn transact<T>(
    connection: &Connection,
    ledger: &mut Ledger,
    faults: &StoreFaults,
    changes: impl FnOnce(&mut Transaction<'_>) -> rusqlite::Result<T>,
) -> Result<T, Broken> {
    let attempt = contain_sync(|| attempt(connection, ledger, faults, changes));
    let broken = match attempt {
        Ok(Ok(done)) => {
            ledger.committed();
            return Ok(done);
        }
        Ok(Err(broken)) => broken,
        Err(panic) => Broken::panicked(&panic),
    };
    // If this fails, the next transaction does it before it begins.
    let _tried = contain_sync(|| roll_back(connection));
    ledger.rolled_back(!matches!(broken, Broken::Unknown(_)));
    Err(broken)
}

fn attempt<T>(
    connection: &Connection,
    ledger: &mut Ledger,
    faults: &StoreFaults,
    changes: impl FnOnce(&mut Transaction<'_>) -> rusqlite::Result<T>,
) -> Result<T, Broken> {
    let fault = faults.begin();
    if let Some(pages) = faults.new_page_limit() {
        let limited = connection.pragma_update_and_check(None, "max_page_count", pages.cast_signed(), |_| Ok(()));
        limited.map_err(|error| Broken::before_commit(&error))?;
    }
    let done = change(connection, ledger, (faults.ahead(), faults.wall()), fault, changes);
    let done = done.map_err(|error| Broken::before_commit(&error))?;
    faults.wait_before_commit();
    commit(connection, fault).map_err(|error| Broken::at_commit(&error))?;
    Ok(done)
}

fn change<T>(
    connection: &Connection,
    ledger: &mut Ledger,
    (ahead, wall): (Duration, i64),
    fault: Option<StoreFault>,
    changes: impl FnOnce(&mut Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    roll_back(connection)?;
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    ledger.key_time = ledger.key_clock.now(ahead);
    ledger.make_certain(connection)?;
    let event_time = ledger.event_clock.lock().now(wall);
    let mut transaction = Transaction {
        connection,
        insert_event: connection.prepare_cached(INSERT_EVENT)?,
        insert_key: connection.prepare_cached(INSERT_KEY)?,
        event_time,
        keys_count_after: ledger.key_clock.counts_after(ahead),
        ledger,
        fault,
    };
    let done = changes(&mut transaction)?;
    transaction.ledger.write_kept(connection)?;
    Ok(done)
}

fn commit(connection: &Connection, fault: Option<StoreFault>) -> rusqlite::Result<()> {
    fault.map_or(Ok(()), StoreFault::at_commit)?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    fault.map_or(Ok(()), StoreFault::after_commit)
}

fn roll_back(connection: &Connection) -> rusqlite::Result<()> {
    match connection.is_autocommit() {
        true => Ok(()),
        false => connection.execute_batch("ROLLBACK"),
    }
}

impl Transaction<'_> {
    /// Changes the row about the file. `sql` has the time of the transaction's events as its parameter.
    pub(super) fn note(&mut self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([self.event_time])?;
        Ok(())
    }

    /// Makes the changes, one after another.
    pub(super) fn apply_all(&mut self, jobs: &mut [Job], outcomes: &mut Vec<Outcome>) -> rusqlite::Result<()> {
        for (place, job) in jobs.iter_mut().enumerate() {
            if let Some(fault) = self.fault {
                fault.at_change(place)?;
            }
            outcomes.push(self.apply(job)?);
        }
        Ok(())
    }

    fn apply(&mut self, job: &mut Job) -> rusqlite::Result<Outcome> {
        match job {
            Job::Append(append) => self.append(append),
            Job::CreateRoom { room, .. } => self.create_room(room).map(Outcome::Created),
            Job::DeleteRoom {
                room, stays_deleted, ..
            } => self.delete_room(room, *stays_deleted).map(Outcome::Deleted),
            Job::Remove { expired, .. } => self.remove(expired).map(|()| Outcome::Done),
            Job::Erase { events, .. } => self.erase(events).map(Outcome::Erased),
            Job::Revoke { user, at, .. } => self.revoke(user, *at).map(|()| Outcome::Done),
        }
    }
}
