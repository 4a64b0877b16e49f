//! A file and its writer, for tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};

use futures_util::FutureExt;
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

use crate::log::durable::{Answer, Append, AppendKey, Appended, DurableLog, RoomKey, StoreFailure, Ticket};
use crate::log::sqlite::store::SqliteLog;
use crate::log::sqlite::{Sqlite, StoreFaults};
use crate::protocol::EventHead;

/// A file in a folder of its own, which is deleted at the end.
pub(super) struct Desk {
    folder: PathBuf,
    log: Option<SqliteLog>,
    pub(super) faults: StoreFaults,
}

impl Desk {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("dialogue-writer-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut desk = Self {
            folder,
            log: None,
            faults: StoreFaults::new(),
        };
        desk.open();
        desk
    }

    /// Another connection to the file.
    pub(super) fn connect(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("desk.db")
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Opens the file for another run.
    pub(super) fn open(&mut self) {
        self.open_with(16 * 1024 * 1024);
    }

    pub(super) fn open_with(&mut self, queue_bytes: usize) {
        let sqlite = Sqlite::open(self.path()).with_faults(&self.faults);
        self.log = Some(sqlite.start(queue_bytes).unwrap());
    }

    pub(super) fn log(&self) -> &SqliteLog {
        self.log.as_ref().unwrap()
    }

    pub(super) fn close(&mut self) -> Result<(), StoreFailure> {
        wait(self.log.take().unwrap().close())
    }

    /// A room that has no row.
    pub(super) fn room(&self, id: &str) -> RoomKey {
        RoomKey {
            id: id.into(),
            epoch: self.log().first_epoch(id),
        }
    }

    /// Hands over an event with this text, and returns where its outcome will be.
    pub(super) fn append(&self, room: &RoomKey, event: &str, text: &str, key: Option<AppendKey>) -> Receiver<Appended> {
        let (sender, receiver) = channel();
        self.append_with(room, event, text, key, Arc::default(), move |outcome| {
            sender.send(outcome).unwrap()
        });
        receiver
    }

    pub(super) fn append_with(
        &self,
        room: &RoomKey,
        event: &str,
        text: &str,
        key: Option<AppendKey>,
        ticket: Arc<Ticket>,
        done: impl FnOnce(Appended) + Send + 'static,
    ) {
        let head = EventHead {
            event: &event.into(),
            room_id: &room.id,
            data: &json!(text),
            from: &"ada".into(),
            timestamp: 1_700_000_000_000,
            meta: None,
        };
        self.log().append(Append {
            room: room.clone(),
            event: event.into(),
            from: "ada".into(),
            prepared: head.prepare(),
            key,
            keep: usize::MAX,
            ticket,
            done: Box::new(done),
        });
    }

    /// Appends an event and waits for its number.
    pub(super) fn stored(&self, room: &RoomKey, text: &str) -> u64 {
        match self.append(room, "line", text, None).recv().unwrap() {
            Appended::Stored { seq, .. } => seq,
            other => panic!("{other:?}"),
        }
    }

    /// What a query for one number gives.
    pub(super) fn number(&self, sql: &str) -> i64 {
        let number = self.connect().query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
        number.optional().unwrap().flatten().unwrap_or(0)
    }

    /// The numbers and texts in a room, in the order of the log.
    pub(super) fn events(&self, room: &str) -> Vec<(u64, String)> {
        let connection = self.connect();
        let mut select = connection
            .prepare(
                "SELECT seq, json_extract(body, '$.data') FROM events JOIN rooms ON rooms.id = events.room \
                 WHERE name = ?1 ORDER BY seq",
            )
            .unwrap();
        let events = select.query_map([room], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)));
        events.unwrap().map(Result::unwrap).collect()
    }

    /// Checks what is true of every file.
    pub(super) fn check(&self) {
        let connection = self.connect();
        let intact: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(intact, "ok");
        let wrong = "SELECT count(*) FROM types WHERE (bytes, events) IS NOT \
                     (SELECT coalesce(sum(octet_length(body)), 0), count(*) FROM events WHERE type = types.id)";
        assert_eq!(self.number(wrong), 0, "the counters of types are right");
        let wrong = "SELECT count(*) FROM events WHERE json_extract(body, '$.seq') IS NOT seq";
        assert_eq!(self.number(wrong), 0, "each text has the number of its row");
        let back = "SELECT count(*) FROM (SELECT at < lag(at) OVER (ORDER BY id) AS back FROM events) WHERE back";
        assert_eq!(self.number(back), 0, "the times of events never go back");
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.faults.heal();
        if let Some(log) = self.log.take() {
            let _closed = wait(log.close());
        }
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}

pub(super) fn key(name: &str) -> Option<AppendKey> {
    Some(AppendKey {
        user: "ada".into(),
        key: name.to_owned(),
        connection: "c1".into(),
        repeats: None,
    })
}

/// Blocks until the answer is there.
pub(super) fn wait<T>(answer: Answer<T>) -> Result<T, StoreFailure> {
    let (sender, receiver) = channel();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(answer.map(|outcome| sender.send(outcome).unwrap()));
    receiver.recv().unwrap()
}
