//! What is removed: events beyond retention, and deleted rooms. A deleted room is removed in small steps, each in a
//! transaction of its own, so that appends never wait long.

use super::count::signed;
use super::ledger::Kept;
use super::step::Step;
use super::transaction::Transaction;
use crate::log::durable::ExpiredEvent;

impl Transaction<'_> {
    /// Deletes events that retention no longer keeps, and notes how far each type was deleted.
    pub(super) fn remove(&mut self, expired: &[ExpiredEvent]) -> rusqlite::Result<()> {
        let connection = self.connection;
        let mut delete = connection.prepare_cached(
            "DELETE FROM events WHERE id = ?1 AND room = ?2 AND seq = ?3 RETURNING type, octet_length(body)",
        )?;
        let mut mark = connection.prepare_cached(
            "INSERT INTO marks (room, type, seq) VALUES (?1, ?2, ?3) \
             ON CONFLICT (room, type) DO UPDATE SET seq = max(seq, excluded.seq)",
        )?;
        for expired in expired {
            let Some(seq) = expired.event.seq.map(u64::cast_signed) else {
                continue;
            };
            // A deleted room's events are removed with it. Their rows may be those of other events by now.
            let Some(room) = self.existing_room(&expired.room)? else {
                continue;
            };
            let mut deleted = delete.query((expired.place.row(), room, seq))?;
            while let Some(row) = deleted.next()? {
                let (of, bytes) = (row.get(0)?, row.get::<_, i64>(1)?);
                mark.execute((room, of, seq))?;
                self.ledger.change_kept(
                    of,
                    Kept {
                        bytes: -bytes,
                        events: -1,
                    },
                );
            }
        }
        Ok(())
    }

    /// Removes rows of a deleted incarnation, and its own row when nothing else is left.
    pub(super) fn purge(&mut self, room: i64, rows: usize) -> rusqlite::Result<Step> {
        let connection = self.connection;
        let limit = signed(rows as u64);
        let mut delete = connection.prepare_cached(
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE room = ?1 ORDER BY type, seq LIMIT ?2) \
             RETURNING type, octet_length(body)",
        )?;
        let mut removed = 0;
        let mut deleted = delete.query((room, limit))?;
        while let Some(row) = deleted.next()? {
            removed += 1;
            let (of, bytes) = (row.get(0)?, row.get::<_, i64>(1)?);
            self.ledger.change_kept(
                of,
                Kept {
                    bytes: -bytes,
                    events: -1,
                },
            );
        }
        if removed >= rows {
            return Ok(Step::More);
        }
        let mut delete = connection.prepare_cached(
            "DELETE FROM keys WHERE room = ?1 AND (user, key) IN (SELECT user, key FROM keys WHERE room = ?1 LIMIT ?2)",
        )?;
        let keys = delete.execute((room, limit))?;
        self.ledger.change_keys(-signed(keys as u64));
        if keys >= rows {
            return Ok(Step::More);
        }
        connection
            .prepare_cached("DELETE FROM marks WHERE room = ?1")?
            .execute([room])?;
        // Another room may have this number from now on.
        connection
            .prepare_cached("DELETE FROM rooms WHERE id = ?1")?
            .execute([room])?;
        Ok(Step::Finished)
    }
}
