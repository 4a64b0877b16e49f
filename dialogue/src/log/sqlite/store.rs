//! The opened file.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::identity::Identity;
use super::settings::RetentionPolicy;
use super::writer::Writer;

/// A log in an opened file. Reads have their own connections, and changes go to the writer.
pub(crate) struct SqliteLog {
    path: PathBuf,
    identity: Arc<Identity>,
    retention: RetentionPolicy,
    writer: Writer,
}

impl fmt::Debug for SqliteLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLog")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
