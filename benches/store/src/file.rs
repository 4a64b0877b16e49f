//! The files that are written, and what must be in them afterwards.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;

use crate::Outcome;
use crate::subject::Rows;

/// The path of a file that does not exist.
pub(crate) fn new_file(folder: &Path) -> std::io::Result<PathBuf> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Ok(folder.join(format!("{number}.db")))
}

/// A refused event would be a fast one.
pub(crate) fn check(found: usize, expected: usize) -> Outcome<()> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{found} events are stored, not {expected}").into()),
    }
}

/// Checks that a closed file has this many events, each with its key if they have keys. Returns the bytes of all texts.
pub(crate) fn check_file(path: &Path, events: usize, rows: Rows) -> Outcome<u64> {
    let connection = Connection::open(path)?;
    let mut bytes = 0;
    for (table, texts, expected) in [
        ("events", "sender || body", events),
        (
            "keys",
            "user || key || connection",
            if rows.connection.is_some() { events } else { 0 },
        ),
    ] {
        let sql = format!("SELECT count(*), coalesce(sum(octet_length({texts})), 0) FROM {table}");
        let (found, length): (i64, i64) = connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        check(usize::try_from(found)?, expected)?;
        bytes += u64::try_from(length)?;
    }
    drop(connection);
    std::fs::remove_file(path)?;
    Ok(bytes)
}
