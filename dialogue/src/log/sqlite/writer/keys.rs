//! Idempotency keys: which one counts, and which are dropped. [`AppendKey`] has the rules.

use rusqlite::{Connection, OptionalExtension};

use super::count::{KeyBounds, signed};
use super::step::Step;
use super::transaction::Transaction;
use crate::id::UserId;
use crate::log::durable::{AppendKey, KeyOutcome};

/// What an append with this key would find. `counts_after` is the time after which a key counts without a mark.
pub(super) fn outcome(
    connection: &Connection,
    room: Option<i64>,
    key: &AppendKey,
    counts_after: i64,
) -> rusqlite::Result<KeyOutcome> {
    let counts_after = match key.repeats {
        Some(_) => i64::MIN,
        None => counts_after,
    };
    let mut select =
        connection.prepare_cached("SELECT seq FROM keys WHERE room = ?1 AND user = ?2 AND key = ?3 AND at > ?4")?;
    let seq = select.query_row((room, key.user.as_str(), &key.key, counts_after), |row| row.get(0));
    if let Some(seq) = seq.optional()?.map(i64::cast_unsigned) {
        return Ok(KeyOutcome::Stored { seq });
    }
    let Some(run) = key.repeats else {
        return Ok(KeyOutcome::NotStored);
    };
    let mut select = connection.prepare_cached(
        "SELECT ?1 < oldest_run OR ?1 <= coalesce(keys_gap_run, 0) \
             OR EXISTS (SELECT 1 FROM forgotten WHERE connection = ?2) \
         FROM meta",
    )?;
    match select.query_row((run.cast_signed(), key.connection.as_str()), |row| row.get(0))? {
        true => Ok(KeyOutcome::Forgotten),
        false => Ok(KeyOutcome::NotStored),
    }
}

impl Transaction<'_> {
    /// Drops the oldest keys, and notes the connections that have lost them. If too many are noted, notes only that keys were
    /// lost.
    pub(super) fn drop_keys(&mut self, keys: i64, bounds: KeyBounds) -> rusqlite::Result<Step> {
        let connection = self.connection;
        let run = self.ledger.run();
        let has_space = self.ledger.forgotten < bounds.forgotten;
        let mut delete = connection.prepare_cached(
            "DELETE FROM keys WHERE (room, user, key) IN (SELECT room, user, key FROM keys ORDER BY at LIMIT ?1) \
             RETURNING connection",
        )?;
        let mut note =
            connection.prepare_cached("INSERT OR IGNORE INTO forgotten (connection, run) VALUES (?1, ?2)")?;
        let mut deleted = delete.query([keys])?;
        let mut dropped = 0;
        while let Some(row) = deleted.next()? {
            if has_space {
                self.ledger.forgotten += signed(note.execute((row.get_ref(0)?.as_str()?, run))? as u64);
            }
            dropped += 1;
        }
        if !has_space {
            connection
                .prepare_cached("UPDATE meta SET keys_gap_run = ?1")?
                .execute([run])?;
        }
        self.ledger.change_keys(-dropped);
        if dropped < keys {
            self.ledger.doubt();
        }
        Ok(Step::More)
    }

    /// Takes a step of forgetting earlier runs. The first step says so, before any key is gone.
    pub(super) fn forget_earlier_runs(&mut self, rows: usize) -> rusqlite::Result<Step> {
        let connection = self.connection;
        let (run, limit) = (self.ledger.run(), signed(rows as u64));
        connection
            .prepare_cached(
                "UPDATE meta SET oldest_run = ?1, keys_gap_run = CASE WHEN keys_gap_run < ?1 THEN NULL ELSE keys_gap_run END \
                 WHERE oldest_run < ?1",
            )?
            .execute([run])?;
        let mut delete = connection.prepare_cached(
            "DELETE FROM keys WHERE (room, user, key) IN \
             (SELECT room, user, key FROM keys WHERE at < ?1 ORDER BY at LIMIT ?2)",
        )?;
        let keys = delete.execute((self.ledger.key_clock.start_of_run(), limit))?;
        self.ledger.change_keys(-signed(keys as u64));
        let mut delete = connection.prepare_cached(
            "DELETE FROM forgotten WHERE connection IN (SELECT connection FROM forgotten WHERE run < ?1 LIMIT ?2)",
        )?;
        let forgotten = delete.execute((run, limit))?;
        // If this transaction is not stored, too few are counted until the next start. The bound is not exact.
        self.ledger.forgotten -= signed(forgotten as u64);
        let mut delete = connection.prepare_cached(
            "DELETE FROM revocations WHERE user IN (SELECT user FROM revocations WHERE run < ?1 LIMIT ?2)",
        )?;
        let revocations = delete.execute((run, limit))?;
        let is_last = keys.max(forgotten).max(revocations) < rows;
        Ok(if is_last { Step::Finished } else { Step::More })
    }

    /// Notes that a user was revoked.
    pub(super) fn revoke(&mut self, user: &UserId, at: u64) -> rusqlite::Result<()> {
        let mut insert = self
            .connection
            .prepare_cached("INSERT OR REPLACE INTO revocations (user, run, at) VALUES (?1, ?2, ?3)")?;
        insert.execute((user.as_str(), self.ledger.run(), at.cast_signed()))?;
        Ok(())
    }
}
