//! The opened file: reads go to the readers, and changes to the writer.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::identity::Identity;
use super::read;
use super::read::rooms::Incarnation;
use super::readers::Readers;
use super::settings::RetentionPolicy;
use super::writer::Writer;
use crate::id::{EventName, RoomId, UserId};
use crate::log::durable::{
    Answer, Append, AppendKey, Done, DurableLog, ErasedPlace, Expired, ExpiredEvent, IndexedRoom, KeyOutcome, NewRoom,
    PerType, Place, RoomExists, RoomKey, StoreFailure, StoreHealth, StoreRun, StoredRoom, StoredWindow, UserEvents,
    Wanted, Watch,
};
use crate::log::{LogBounds, LogPage, Replay, StoredEvent};

/// A log in an opened file. Dropping it finishes what was handed over and closes the file, in the background.
pub(crate) struct SqliteLog {
    path: PathBuf,
    identity: Arc<Identity>,
    retention: Arc<RetentionPolicy>,
    run: StoreRun,
    // Dropped before the writer, which closes the file's last connection.
    readers: Readers,
    writer: Arc<Writer>,
}

impl SqliteLog {
    pub(super) fn new(
        (path, readers): (PathBuf, Readers),
        identity: Arc<Identity>,
        retention: RetentionPolicy,
        run: StoreRun,
        writer: Writer,
    ) -> Self {
        Self {
            readers,
            path,
            identity,
            retention: Arc::new(retention),
            run,
            writer: Arc::new(writer),
        }
    }
}

impl DurableLog for SqliteLog {
    fn append(&self, append: Append) {
        self.writer.append(append);
    }

    fn create_room(&self, room: NewRoom) -> Answer<Result<Arc<str>, RoomExists>> {
        self.writer.create_room(room)
    }

    fn delete_room(&self, room: RoomKey, stays_deleted: bool, done: Done<Result<bool, StoreFailure>>) {
        self.writer.delete_room(room, stays_deleted, done);
    }

    fn index(&self) -> Result<Vec<IndexedRoom>, StoreFailure> {
        self.readers.read_here(read::rooms::index)
    }

    fn room(&self, id: &RoomId) -> Answer<StoredRoom> {
        let (identity, id) = (Arc::clone(&self.identity), id.clone());
        self.readers
            .read(move |connection| read::rooms::present(connection, &identity, &id))
    }

    fn rooms(&self, ids: Vec<RoomId>) -> Answer<Vec<StoredRoom>> {
        let identity = Arc::clone(&self.identity);
        self.readers.read(move |connection| {
            let rooms = ids.iter().map(|id| read::rooms::present(connection, &identity, id));
            rooms.collect()
        })
    }

    fn first_epoch(&self, id: &str) -> Arc<str> {
        self.identity.epoch(&self.identity.first_own(id))
    }

    fn window(&self, room: RoomKey, per_type: PerType, bounds: LogBounds) -> Answer<StoredWindow> {
        let identity = Arc::clone(&self.identity);
        self.readers
            .read(move |connection| read::window::window(connection, &identity, &room, &per_type, bounds))
    }

    fn since(&self, room: RoomKey, after: u64, through: u64, wanted: Wanted, bounds: LogBounds) -> Answer<Replay> {
        let identity = Arc::clone(&self.identity);
        self.readers.read(move |connection| {
            read::replay::since(connection, &identity, &room, (after, through), &wanted, bounds)
        })
    }

    fn newest(&self, room: RoomKey, through: u64, per_type: PerType, bounds: LogBounds) -> Answer<Vec<StoredEvent>> {
        let identity = Arc::clone(&self.identity);
        self.readers
            .read(move |connection| read::replay::newest(connection, &identity, &room, through, &per_type, bounds))
    }

    fn page(&self, room: RoomKey, event: EventName, before: u64, limit: usize, bounds: LogBounds) -> Answer<LogPage> {
        let identity = Arc::clone(&self.identity);
        self.readers
            .read(move |connection| read::page::page(connection, &identity, &room, &event, (before, limit), bounds))
    }

    fn outcome_of(&self, room: RoomKey, key: AppendKey) -> Answer<KeyOutcome> {
        let (identity, writer) = (Arc::clone(&self.identity), Arc::clone(&self.writer));
        self.readers.read(move |connection| {
            match read::rooms::find(connection, &identity, &room)? {
                Incarnation::Stored(row) => writer.key_outcome(connection, Some(row), &key),
                // The store may have forgotten the key.
                Incarnation::Unstored => writer.key_outcome(connection, None, &key),
                Incarnation::Gone => Ok(KeyOutcome::NotStored),
            }
        })
    }

    fn expired(&self, bounds: LogBounds) -> Answer<Expired> {
        let (identity, retention) = (Arc::clone(&self.identity), Arc::clone(&self.retention));
        let now = self.writer.now();
        self.readers.read(move |connection| {
            let events = read::expired::expired(connection, &identity, &retention, now, bounds)?;
            Ok(Expired { events, dropped: 0 })
        })
    }

    fn remove(&self, expired: Vec<ExpiredEvent>) -> Answer<()> {
        self.writer.remove(expired)
    }

    fn run(&self) -> StoreRun {
        self.run.clone()
    }

    fn revoke(&self, user: UserId, at: u64) -> Answer<()> {
        self.writer.revoke(user, at)
    }

    fn events_of(&self, user: UserId, after: Option<Place>, limit: usize) -> Answer<UserEvents> {
        let identity = Arc::clone(&self.identity);
        self.readers
            .read(move |connection| read::sent::events_of(connection, &identity, &user, after.as_ref(), limit))
    }

    fn erase(&self, events: Vec<ErasedPlace>, done: Done<Result<Vec<ErasedPlace>, StoreFailure>>) {
        self.writer.erase(events, done);
    }

    fn health(&self) -> StoreHealth {
        self.writer.health()
    }

    fn watch(&self, watch: Watch) {
        self.writer.watch(watch);
    }

    fn close(&self) -> Answer<()> {
        // Idle readers are closed now, and a busy one has a moment, so that the writer's connection is usually the last one
        // and leaves a file without a write-ahead log. Later changes are refused from now on.
        let (readers, writer) = (self.readers.close(), self.writer.close());
        Box::pin(async move {
            readers.await;
            writer.await
        })
    }
}

impl fmt::Debug for SqliteLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLog")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
