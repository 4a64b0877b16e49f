//! Connections to a file, with their settings.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::SqliteError;
use super::failure::is_damage;
use super::files::{beside, io_error};
use super::settings::Durability;
use crate::random::random_name;

/// How long a connection waits for a lock that somebody else's connection holds, such as that of the program `sqlite3`.
const BUSY: Duration = Duration::from_secs(1);

/// A write-ahead log that is larger is cut to this size when it begins again. It grows while others read for long.
const LOG_BYTES: i64 = 64 * 1024 * 1024;

/// How many statements a connection keeps compiled: all that Dialogue has.
const STATEMENTS: usize = 64;

/// Opens the connection that changes the file. Creates no file.
pub(super) fn open_writer(path: &Path) -> Result<Connection, SqliteError> {
    let failed = |error: rusqlite::Error| sqlite_error(path, &error);
    let opened = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    opened
        .pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))
        .map_err(failed)?;
    match opened.is_readonly(rusqlite::MAIN_DB) {
        Ok(false) => Ok(opened),
        Ok(true) => Err(SqliteError::ReadOnly { path: path.to_owned() }),
        Err(error) => Err(failed(error)),
    }
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn open(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    // Each connection is used by one thread at a time, so that it needs no lock of its own.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // No table refers to another one, and the text of views and triggers in a file is not ours.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Sets when a commit waits for the disk.
pub(super) fn set_synchronous(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let level = match durability {
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    connection.pragma_update(None, "synchronous", level)?;
    // On macOS, a flush alone leaves the data in the disk's own memory.
    let is_flushed = durability == Durability::Power;
    connection.pragma_update(None, "fullfsync", is_flushed)?;
    connection.pragma_update(None, "checkpoint_fullfsync", is_flushed)
}

/// Moves everything from the write-ahead log into the file and empties the log. Returns false if another connection
/// reads, so that the log stays. Waits for none, because a reader may take hours.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(Duration::ZERO)?;
    let is_empty = checkpoint_patiently(connection);
    connection.busy_timeout(BUSY)?;
    is_empty
}

/// As [`checkpoint`], but waits a moment for readers.
pub(super) fn checkpoint_patiently(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get(0).map(|busy: i64| busy == 0)
    })
}

/// Moves what no reader needs from the write-ahead log into the file, as SQLite does by itself after some commits. But SQLite
/// reports to nobody if that fails.
pub(super) fn checkpoint_passively(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// Translates a failure to open a file.
pub(super) fn sqlite_error(path: &Path, error: &rusqlite::Error) -> SqliteError {
    let reason = error.to_string();
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => SqliteError::NotADatabase { path },
        _ if is_damage(error) => SqliteError::Corrupt { path, reason },
        Some(ErrorCode::DiskFull) => SqliteError::Full { path },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => SqliteError::ReadOnly { path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SqliteError::InUse { path },
        // SQLite does not say why. Perhaps the file may not be read, or the folder accepts no other file.
        Some(ErrorCode::CannotOpen) => match probe(&path) {
            Ok(()) => companion_error(&path).unwrap_or(SqliteError::Failed { path, reason }),
            Err(source) => io_error(&path, source),
        },
        _ => SqliteError::Failed { path, reason },
    }
}

/// Whether files can be created next to the file.
fn probe(path: &Path) -> std::io::Result<()> {
    let probe = beside(path, &format!("-probe-{}", random_name(8)));
    OpenOptions::new().write(true).create_new(true).open(&probe)?;
    std::fs::remove_file(probe)
}

/// Why one of SQLite's files next to the file does not open, if one of them exists and does not.
fn companion_error(path: &Path) -> Option<SqliteError> {
    ["-wal", "-shm", "-journal"].into_iter().find_map(|suffix| {
        let companion = beside(path, suffix);
        let opened = OpenOptions::new().read(true).write(true).open(&companion);
        let source = opened.err().filter(|error| error.kind() != ErrorKind::NotFound)?;
        Some(io_error(&companion, source))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SQLite's documentation: 1 is `NORMAL`, 2 is `FULL`.
    #[test]
    fn a_commit_waits_for_the_disk_with_durability_power_only() {
        let connection = Connection::open_in_memory().unwrap();
        for (durability, level) in [(Durability::Power, 2), (Durability::Process, 1), (Durability::Power, 2)] {
            set_synchronous(&connection, durability).unwrap();
            let found: i64 = connection
                .pragma_query_value(None, "synchronous", |row| row.get(0))
                .unwrap();
            assert_eq!(found, level, "{durability:?}");
        }
    }
}
