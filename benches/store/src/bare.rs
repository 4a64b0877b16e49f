//! A bare loop over SQLite that writes the rows of a subject, without the store.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dialogue::sqlite::{Durability, Sqlite, StoreAppender};
use rusqlite::Connection;

use crate::Outcome;
use crate::file::{check_file, new_file};
use crate::subject::{Rows, Subject};

/// The same tables as the store's.
pub(crate) struct Bare {
    path: PathBuf,
    connection: Connection,
    rows: Rows,
    /// An event's text up to its number.
    body: String,
    written: i64,
    /// How many events it writes in a transaction.
    batch: usize,
}

impl Bare {
    pub(crate) fn open(folder: &Path, durability: Durability, rows: Rows, batch: usize) -> Outcome<Self> {
        let path = new_file(folder)?;
        StoreAppender::open(Sqlite::open(&path))?.close();
        let connection = Connection::open(&path)?;
        let synchronous = match durability {
            Durability::Power => "FULL",
            _ => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.execute_batch(
            "INSERT INTO rooms (id, name, epoch) VALUES (1, 'bench', 'e'); INSERT INTO types (id, name) VALUES (1, 'line')",
        )?;
        Ok(Self {
            path,
            connection,
            body: rows.body(),
            rows,
            written: 0,
            batch,
        })
    }

    /// Writes a transaction.
    fn write(&mut self, events: usize) -> rusqlite::Result<()> {
        let connection = &self.connection;
        // The index of keys by age grows at its end only if the time advances, as the store's does.
        let at = i64::try_from(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_millis()),
        );
        let at = at.unwrap_or(i64::MAX);
        let (sender, last) = (self.rows.sender, self.written);
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut event = connection
            .prepare_cached("INSERT INTO events (room, type, seq, at, sender, body) VALUES (1, 1, ?1, ?2, ?3, ?4)")?;
        let mut key = connection
            .prepare_cached("INSERT INTO keys (room, user, key, connection, seq, at) VALUES (1, ?1, ?2, ?3, ?4, ?5)")?;
        self.written += events.cast_signed() as i64;
        for seq in last + 1..=self.written {
            if let Some(client) = self.rows.connection {
                key.execute((sender, StoreAppender::key(seq.cast_unsigned()), client, seq, at))?;
            }
            event.execute((seq, at, sender, format!("{}{seq}}}", self.body)))?;
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

impl Subject for Bare {
    fn one_at_a_time(&mut self, events: usize) -> Outcome<Vec<Duration>> {
        let mut times = Vec::with_capacity(events);
        for _ in 0..events {
            let began = Instant::now();
            self.write(1)?;
            times.push(began.elapsed());
        }
        Ok(times)
    }

    fn in_flight(&mut self, _: usize, events: usize) -> Outcome<()> {
        let mut left = events;
        while left > 0 {
            let now = left.min(self.batch);
            self.write(now)?;
            left -= now;
        }
        Ok(())
    }

    fn committed(&self) -> (u64, u64) {
        (0, 0)
    }

    fn close(self: Box<Self>, events: usize) -> Outcome<u64> {
        drop(self.connection);
        check_file(&self.path, events, self.rows)
    }
}
