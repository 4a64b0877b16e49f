//! Idempotency keys: which one counts, and which are dropped. [`AppendKey`] has the rules.

use std::collections::VecDeque;

use rusqlite::{Connection, OptionalExtension};

use super::clock::KEY_LIFETIME;
use super::removal::{Step, signed};
use super::transaction::Transaction;
use crate::id::UserId;
use crate::log::durable::{AppendKey, KeyOutcome};

/// The most keys that are kept. Each takes about 150 bytes of the file.
const MOST: i64 = 1_000_000;

/// The most keys that are kept although they only count for a marked repetition of an earlier run.
const MOST_OLD: i64 = 250_000;

/// The most connections that are noted because they have lost keys.
const MOST_FORGOTTEN: i64 = 1_000_000;

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

/// How many keys there are, and how many of them are young: stored within [`KEY_LIFETIME`].
#[derive(Debug, Default)]
pub(super) struct KeyCount {
    total: i64,
    young: i64,
    /// How many were stored in each second, the oldest first.
    seconds: VecDeque<(i64, i64)>,
}

impl KeyCount {
    /// There are this many. All of them are young: those of an earlier run count for a while.
    pub(super) fn set(&mut self, total: i64, now: i64) {
        *self = Self::default();
        self.change(total, now);
    }

    pub(super) fn total(&self) -> i64 {
        self.total
    }

    /// Notes that keys were stored or dropped.
    pub(super) fn change(&mut self, by: i64, now: i64) {
        self.total = (self.total + by).max(0);
        if by > 0 {
            self.young += by;
            let second = now.div_euclid(1_000);
            match self.seconds.back_mut() {
                Some((newest, count)) if *newest == second => *count += by,
                _ => self.seconds.push_back((second, by)),
            }
        }
        self.forget_old(now);
    }

    /// How many have to be dropped.
    pub(super) fn excess(&mut self, now: i64) -> i64 {
        self.forget_old(now);
        let old = self.total - self.young.min(self.total);
        (old - MOST_OLD).max(self.total - MOST).max(0)
    }

    fn forget_old(&mut self, now: i64) {
        let lifetime = signed(KEY_LIFETIME.as_secs());
        while let Some((second, count)) = self.seconds.front()
            && *second < now.div_euclid(1_000) - lifetime
        {
            self.young -= count;
            self.seconds.pop_front();
        }
    }
}

impl Transaction<'_> {
    /// Drops the oldest keys, and notes the connections that have lost them.
    pub(super) fn drop_keys(&mut self, keys: i64) -> rusqlite::Result<Step> {
        let connection = self.connection;
        let run = self.ledger.run();
        let has_space = self.ledger.forgotten < MOST_FORGOTTEN;
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
        let mut left = keys >= rows;
        for table in [
            "DELETE FROM forgotten WHERE connection IN (SELECT connection FROM forgotten WHERE run < ?1 LIMIT ?2)",
            "DELETE FROM revocations WHERE user IN (SELECT user FROM revocations WHERE run < ?1 LIMIT ?2)",
        ] {
            left |= connection.prepare_cached(table)?.execute((run, limit))? >= rows;
        }
        Ok(if left { Step::More } else { Step::Finished })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_old_keys_or_keys_in_all_are_in_excess() {
        let mut count = KeyCount::default();
        count.set(300_000, 0);
        assert_eq!(count.excess(100_000), 0, "they count for a while");
        assert_eq!(count.excess(200_000), 50_000);
        count.change(900_000, 200_000);
        assert_eq!(count.excess(200_000), 200_000, "more than a million in all");
        count.change(-200_000, 200_000);
        assert_eq!(count.excess(200_000), 0);
        assert_eq!(count.excess(400_000), 750_000);
        assert_eq!(count.total(), 1_000_000);
    }
}
