//! The write-ahead log: who may hold it up, and how large it gets.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Folder;
use crate::log::sqlite::Durability;
use crate::log::sqlite::connection::{checkpoint, open_writer, set_synchronous};

#[test]
fn emptying_the_log_waits_for_no_reader() {
    static HAS_WAITED: AtomicBool = AtomicBool::new(false);
    let folder = Folder::new();
    folder.create();
    let mut writer = open_writer(&folder.file()).unwrap();
    let waits = |_times| {
        HAS_WAITED.store(true, Ordering::Relaxed);
        false
    };
    writer.busy_handler(Some(waits)).unwrap();
    let reader = folder.connection();
    reader.execute_batch("BEGIN").unwrap();
    let _rows: i64 = reader
        .query_row("SELECT count(*) FROM meta", [], |row| row.get(0))
        .unwrap();
    writer.execute("UPDATE meta SET probe = x'00'", []).unwrap();
    assert!(!checkpoint(&writer).unwrap(), "the reader needs the log");
    assert!(!HAS_WAITED.load(Ordering::Relaxed));
    reader.execute_batch("COMMIT").unwrap();
    assert!(checkpoint(&writer).unwrap());
}

#[test]
fn a_log_that_readers_have_made_large_shrinks_again() {
    let folder = Folder::new();
    folder.create();
    let writer = open_writer(&folder.file()).unwrap();
    let limit: i64 = writer
        .pragma_query_value(None, "journal_size_limit", |row| row.get(0))
        .unwrap();
    assert_eq!(limit, 64 * 1024 * 1024);
}

#[test]
fn a_commit_under_power_also_waits_for_the_memory_of_the_disk() {
    let folder = Folder::new();
    folder.create();
    let writer = open_writer(&folder.file()).unwrap();
    for (durability, expected) in [(Durability::Process, 0), (Durability::Power, 1)] {
        set_synchronous(&writer, durability).unwrap();
        for pragma in ["fullfsync", "checkpoint_fullfsync"] {
            let is_set: i64 = writer.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
            assert_eq!(is_set, expected, "{durability:?}: {pragma}");
        }
    }
}
