//! Hands appends to a store without a server, for `benches/store`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use futures_util::FutureExt;
use serde_json::Value;

use super::store::SqliteLog;
use super::{Sqlite, SqliteError};
use crate::log::durable::{Append, AppendKey, Appended, DurableLog, RoomKey};
use crate::protocol::EventHead;

/// Appends events to a file without a server. Only for measurements.
#[derive(Debug)]
pub struct StoreAppender {
    log: SqliteLog,
    room: RoomKey,
    next_key: AtomicU64,
}

impl StoreAppender {
    /// Opens the file.
    ///
    /// # Errors
    ///
    /// See [`SqliteError`].
    pub fn open(sqlite: Sqlite) -> Result<Self, SqliteError> {
        let log = sqlite.start(16 * 1024 * 1024)?;
        let room = RoomKey {
            id: "bench".into(),
            epoch: log.first_epoch("bench"),
        };
        Ok(Self {
            log,
            room,
            next_key: AtomicU64::new(1),
        })
    }

    /// The key of the event with this number.
    #[must_use]
    pub fn key(number: u64) -> String {
        format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Appends this many events with this data. `in_flight` of them wait at the same time. Returns how many were stored.
    pub fn run(&self, in_flight: usize, events: usize, data: &Value) -> usize {
        let (sender, outcomes) = channel();
        let (mut sent, mut stored) = (0, 0);
        for answered in 0..events {
            while sent < events && sent - answered < in_flight {
                let sender = sender.clone();
                self.append(data, move |is_stored| {
                    let _the_receiver_waits = sender.send(is_stored);
                });
                sent += 1;
            }
            stored += usize::from(outcomes.recv() == Ok(true));
        }
        stored
    }

    fn append(&self, data: &Value, done: impl FnOnce(bool) + Send + 'static) {
        let (event, from) = ("line".into(), "ada".into());
        let head = EventHead {
            event: &event,
            room_id: &self.room.id,
            data,
            from: &from,
            timestamp: 1_700_000_000_000,
            meta: None,
        };
        let prepared = head.prepare();
        let key = AppendKey {
            user: from.clone(),
            key: Self::key(self.next_key.fetch_add(1, Ordering::Relaxed)),
            connection: "c1".into(),
            repeats: None,
        };
        self.log.append(Append {
            room: self.room.clone(),
            event,
            from,
            prepared,
            key: Some(key),
            keep: usize::MAX,
            ticket: Arc::default(),
            done: Box::new(move |outcome| done(matches!(outcome, Appended::Stored { .. }))),
        });
    }

    /// Closes the file, and waits for that.
    pub fn close(self) {
        let (sender, closed) = channel();
        let closing = self.log.close().map(move |_| {
            let _the_receiver_waits = sender.send(());
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        if let Ok(runtime) = runtime {
            runtime.block_on(closing);
            let _closed = closed.recv();
        }
    }
}
