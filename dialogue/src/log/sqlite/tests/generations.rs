//! When all epochs change: exactly when events may be missing that a client has seen.

use std::fs;
use std::sync::Arc;

use super::Folder;
use super::folder::close;
use crate::log::durable::DurableLog;
use crate::log::sqlite::store::SqliteLog;
use crate::log::sqlite::{Durability, Sqlite};

use Durability::{Power, Process};

fn boot(id: &str) -> Option<String> {
    Some(id.to_owned())
}

fn open(folder: &Folder, durability: Durability, boot_id: Option<String>) -> SqliteLog {
    let settings = Sqlite::open(folder.file()).durability(durability).with_boot_id(boot_id);
    settings.start(1024).unwrap()
}

fn generation(log: &SqliteLog) -> Arc<str> {
    log.run().generation
}

#[test]
fn a_server_that_was_stopped_keeps_its_epochs_even_over_a_reboot() {
    let folder = Folder::new();
    let first = open(&folder, Process, boot("one"));
    let before = generation(&first);
    close(first);
    assert_eq!(generation(&open(&folder, Process, boot("two"))), before);
}

#[test]
fn a_killed_server_keeps_its_epochs_unless_the_last_run_may_have_lost_events() {
    let cases = [
        // The last run, how this one is opened, and whether epochs stay.
        (Process, boot("one"), Process, boot("one"), true),
        (Process, boot("one"), Process, boot("two"), false),
        (Process, boot("one"), Process, None, false),
        (Process, None, Process, boot("one"), false),
        (Process, None, Process, None, false),
        (Power, boot("one"), Power, boot("two"), true),
        (Power, None, Power, None, true),
        // The durability of the last run counts.
        (Process, boot("one"), Power, boot("two"), false),
        (Power, boot("one"), Process, boot("two"), true),
    ];
    for (last, last_boot, now, boot_now, stays) in cases {
        let case = format!("{last:?} {last_boot:?}, then {now:?} {boot_now:?}");
        let folder = Folder::new();
        let log = open(&folder, last, last_boot);
        let before = generation(&log);
        folder.kill(log);
        let log = open(&folder, now, boot_now.clone());
        let after = generation(&log);
        assert_eq!(after == before, stays, "{case}");
        close(log);
        assert_eq!(generation(&open(&folder, now, boot_now)), after, "{case}");
    }
}

#[test]
fn the_lost_write_ahead_log_of_a_killed_server_cannot_hide_its_run() {
    let folder = Folder::new();
    let first = open(&folder, Process, boot("one"));
    let before = generation(&first);
    close(first);
    let log = open(&folder, Process, boot("one"));
    let mut remains = folder.remains();
    close(log);
    remains.log.clear();
    folder.restore(&remains);
    let log = open(&folder, Process, boot("two"));
    assert_ne!(generation(&log), before);
    assert_eq!(log.run().run, 3);
}

#[test]
fn a_killed_server_without_its_write_ahead_log_has_other_epochs() {
    for durability in [Process, Power] {
        let folder = Folder::new();
        let log = open(&folder, durability, boot("one"));
        let before = generation(&log);
        folder.kill(log);
        fs::remove_file(folder.path().join("desk.db-wal")).unwrap();
        let log = open(&folder, durability, boot("one"));
        assert_ne!(generation(&log), before, "{durability:?}");
    }
}

#[test]
fn a_new_generation_survives_the_loss_of_everything_after_it() {
    let folder = Folder::new();
    folder.kill(open(&folder, Process, boot("one")));
    let log = open(&folder, Process, boot("two"));
    let changed = generation(&log);
    folder.kill(log);
    assert_eq!(generation(&open(&folder, Process, boot("two"))), changed);
}

#[test]
fn a_copy_has_other_epochs_and_the_same_rooms() {
    let (folder, other) = (Folder::new(), Folder::new());
    let log = open(&folder, Power, boot("one"));
    let (generation_before, first) = (generation(&log), log.first_epoch("lobby"));
    close(log);
    fs::copy(folder.file(), other.file()).unwrap();
    let copied = open(&other, Power, boot("one"));
    assert_ne!(generation(&copied), generation_before);
    let own = |epoch: &str| epoch.split('.').next().unwrap().to_owned();
    assert_eq!(own(&copied.first_epoch("lobby")), own(&first));
    assert_eq!(generation(&open(&folder, Power, boot("one"))), generation_before);
}

#[test]
fn a_copy_of_an_open_file_has_other_epochs() {
    let (folder, other) = (Folder::new(), Folder::new());
    let log = open(&folder, Power, boot("one"));
    fs::copy(folder.file(), other.file()).unwrap();
    fs::copy(folder.path().join("desk.db-wal"), other.path().join("desk.db-wal")).unwrap();
    assert_ne!(generation(&open(&other, Power, boot("one"))), generation(&log));
}

#[test]
fn a_file_that_is_renamed_keeps_its_epochs() {
    let folder = Folder::new();
    let log = folder.open().unwrap();
    let before = generation(&log);
    close(log);
    let renamed = folder.path().join("renamed.db");
    fs::rename(folder.file(), &renamed).unwrap();
    assert_eq!(generation(&Sqlite::open(renamed).start(1024).unwrap()), before);
}

#[test]
fn a_copy_that_got_the_inode_of_the_file_is_known_by_its_birth() {
    let folder = Folder::new();
    let log = folder.open().unwrap();
    let before = generation(&log);
    close(log);
    let changed = folder
        .connection()
        .execute("UPDATE meta SET born = born - 1", [])
        .unwrap();
    assert_eq!(changed, 1);
    let born: Option<i64> = folder
        .connection()
        .query_row("SELECT born FROM meta", [], |row| row.get(0))
        .unwrap();
    // Not every file system knows when a file was created.
    assert_eq!(generation(&folder.open().unwrap()) == before, born.is_none());
}

#[test]
fn what_a_file_system_does_not_know_changes_no_epochs() {
    let folder = Folder::new();
    let log = folder.open().unwrap();
    let before = generation(&log);
    close(log);
    folder
        .connection()
        .execute("UPDATE meta SET device = NULL, inode = NULL, born = NULL", [])
        .unwrap();
    assert_eq!(generation(&folder.open().unwrap()), before);
}

#[test]
fn an_operator_can_change_all_epochs_after_an_in_place_restore() {
    let folder = Folder::new();
    let log = folder.open().unwrap();
    let before = generation(&log);
    close(log);
    Sqlite::new_generation(folder.file()).unwrap();
    let log = folder.open().unwrap();
    assert_ne!(generation(&log), before);
    assert_eq!(log.run().run, 2);
    let changed = generation(&log);
    folder.kill(log);
    assert_eq!(generation(&folder.open().unwrap()), changed);
}
