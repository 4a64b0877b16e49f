//! Numbers an event and stores it with its key, inside a transaction. A number that was assigned earlier would leave a
//! hole if the transaction failed.

use rusqlite::types::{ToSqlOutput, ValueRef};

use super::job::{Outcome, PendingAppend};
use super::keys;
use super::ledger::Kept;
use super::transaction::Transaction;
use crate::log::durable::{AppendKey, KeyOutcome};

impl Transaction<'_> {
    pub(super) fn append(&mut self, append: &mut PendingAppend) -> rusqlite::Result<Outcome> {
        let Some(place) = self.room_of_append(&append.room)? else {
            return Ok(Outcome::NoSuchRoom);
        };
        let Some((row, last)) = self.ledger.rooms.at_mut(place).map(|known| (known.row, known.last)) else {
            return Ok(Outcome::NoSuchRoom);
        };
        let seq = last + 1;
        if let Some(key) = &append.key
            && let Some(outcome) = self.insert_key(row, key, seq)?
        {
            return Ok(outcome);
        }
        let of = self.ledger.type_row(self.connection, &append.event)?;
        let text = append.text.number(seq.cast_unsigned());
        let body = ToSqlOutput::Borrowed(ValueRef::Text(text));
        let bytes = text.len() as u64;
        let sender = append.from.as_str();
        self.insert_event
            .execute((row, of, seq, self.event_time, sender, body))?;
        let bytes = bytes.cast_signed();
        self.ledger.change_kept(of, Kept { bytes, events: 1 });
        if let Some(known) = self.ledger.rooms.at_mut(place) {
            known.last = seq;
        }
        Ok(Outcome::Stored(seq.cast_unsigned()))
    }

    /// Stores a key, unless that is the outcome of the append already.
    fn insert_key(&mut self, room: i64, key: &AppendKey, seq: i64) -> rusqlite::Result<Option<Outcome>> {
        if key.repeats.is_some() {
            match keys::outcome(self.connection, Some(room), key, self.keys_count_after)? {
                KeyOutcome::Stored { seq } => return Ok(Some(Outcome::Repeated(seq))),
                KeyOutcome::Forgotten => return Ok(Some(Outcome::Forgotten)),
                KeyOutcome::NotStored => {}
            }
        }
        let (user, name, connection) = (key.user.as_str(), key.key.as_str(), key.connection.as_str());
        let (time, after) = (self.ledger.key_time, self.keys_count_after);
        let inserted = self.insert_key.execute((room, user, name, connection, seq, time))?;
        if inserted > 0 {
            self.ledger.change_keys(1);
            return Ok(None);
        }
        // One that does not count any more is replaced. The number of keys stays.
        let mut replace = self.connection.prepare_cached(
            "UPDATE keys SET connection = ?4, seq = ?5, at = ?6 WHERE room = ?1 AND user = ?2 AND key = ?3 AND at <= ?7",
        )?;
        if replace.execute((room, user, name, connection, seq, time, after))? > 0 {
            self.ledger.replace_key();
            return Ok(None);
        }
        let mut select = self
            .connection
            .prepare_cached("SELECT seq FROM keys WHERE room = ?1 AND user = ?2 AND key = ?3")?;
        let seq = select.query_row((room, user, name), |row| row.get(0).map(i64::cast_unsigned))?;
        Ok(Some(Outcome::Repeated(seq)))
    }
}
