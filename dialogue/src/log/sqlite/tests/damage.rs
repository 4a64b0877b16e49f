//! Files whose content is damaged or lost: what opening, reading and changing them reports.

use std::fs;
use std::sync::Arc;
use std::sync::mpsc::channel;

use serde_json::json;

use super::Folder;
use super::folder::block_on;
use super::model::{append, key};
use crate::log::LogBounds;
use crate::log::durable::{
    Append, AppendKey, Appended, Creator, DurableLog, ErasedPlace, NewRoom, RoomKey, StoreFailure,
};
use crate::log::sqlite::{Sqlite, SqliteError};
use crate::protocol::EventHead;

const PAGE: usize = 4096;

/// A file that has something in every table, and events on several pages.
fn full(folder: &Folder) -> RoomKey {
    let log = folder.open().unwrap();
    let room = key(&log, "room");
    for size in 0..60 {
        append(&log, &room, "line", size * 10);
    }
    for number in 0..20 {
        keyed(&log, &room, number).unwrap();
    }
    block_on(log.create_room(new_room("created"))).unwrap().unwrap();
    block_on(log.revoke("eve".into(), 1)).unwrap();
    super::folder::close(log);
    folder
        .connection()
        .execute_batch(
            "INSERT INTO marks (room, type, seq) SELECT room, type, 0 FROM events LIMIT 1;
             INSERT INTO forgotten (connection, run) VALUES ('c9', 1);
             PRAGMA wal_checkpoint(TRUNCATE)",
        )
        .unwrap();
    room
}

fn new_room(id: &str) -> NewRoom {
    NewRoom {
        id: id.into(),
        creator: Creator::Client,
        created_by: Some("ada".into()),
        holder: None,
        config: Some("{}".to_owned()),
    }
}

/// Appends an event with a key.
fn keyed(log: &dyn DurableLog, room: &RoomKey, number: usize) -> Result<(), StoreFailure> {
    let (answer, answers) = channel();
    let head = EventHead {
        event: &"note".into(),
        room_id: &room.id,
        data: &json!("x".repeat(500)),
        from: &"ada".into(),
        timestamp: 1,
        meta: None,
    };
    log.append(Append {
        room: room.clone(),
        event: "note".into(),
        from: "ada".into(),
        prepared: head.prepare(),
        key: Some(a_key(number)),
        keep: usize::MAX,
        ticket: Arc::default(),
        done: Box::new(move |outcome| answer.send(outcome).unwrap()),
    });
    match answers.recv().unwrap() {
        Appended::Refused(failure) | Appended::Unknown(failure) => Err(failure),
        _ => Ok(()),
    }
}

fn a_key(number: usize) -> AppendKey {
    AppendKey {
        user: "ada".into(),
        key: format!("key {number}"),
        connection: "c1".into(),
        repeats: Some(1),
    }
}

/// Everything that a server asks of its store, and how it ended.
fn use_everything(log: &dyn DurableLog, room: &RoomKey) -> Vec<(&'static str, Result<(), StoreFailure>)> {
    const ALL: LogBounds = LogBounds::NONE;
    let (deleted, deletion) = channel();
    let (erased, erasure) = channel();
    let mut answers = vec![
        ("index", log.index().map(drop)),
        ("room", block_on(log.room(&"created".into())).map(drop)),
        (
            "window",
            block_on(log.window(room.clone(), Arc::new(|_| 9), ALL)).map(drop),
        ),
        (
            "since",
            block_on(log.since(room.clone(), 0, u64::MAX, Arc::new(|_| true), ALL)).map(drop),
        ),
        (
            "newest",
            block_on(log.newest(room.clone(), u64::MAX, Arc::new(|_| 99), ALL)).map(drop),
        ),
        (
            "page",
            block_on(log.page(room.clone(), "line".into(), 1_000, 99, ALL)).map(drop),
        ),
        ("outcome_of", block_on(log.outcome_of(room.clone(), a_key(3))).map(drop)),
        ("expired", block_on(log.expired(ALL)).map(drop)),
        ("events_of", block_on(log.events_of("ada".into(), None, 99)).map(drop)),
        ("append", keyed(log, room, 100)),
        ("repeat", keyed(log, room, 4)),
        ("create_room", block_on(log.create_room(new_room("another"))).map(drop)),
        ("revoke", block_on(log.revoke("eve".into(), 2)).map(drop)),
    ];
    let places = [1, 30, 70].map(|seq| ErasedPlace {
        room: room.clone(),
        event: None,
        seq,
    });
    log.erase(
        places.to_vec(),
        Box::new(move |outcome| erased.send(outcome.map(drop)).unwrap()),
    );
    answers.push(("erase", erasure.recv().unwrap()));
    log.delete_room(
        room.clone(),
        true,
        Box::new(move |outcome| deleted.send(outcome.map(drop)).unwrap()),
    );
    answers.push(("delete_room", deletion.recv().unwrap()));
    answers.push(("close", block_on(log.close())));
    answers
}

/// Opens the file and uses everything. Whatever fails says that the file is damaged, and what to do.
fn expect_only_damage(folder: &Folder, room: &RoomKey, case: &str) -> usize {
    let log = match folder.open() {
        Ok(log) => log,
        Err(error) => {
            assert!(matches!(error, SqliteError::Corrupt { .. }), "{case}: {error:?}");
            assert!(error.to_string().contains("restore a backup"), "{case}: {error}");
            return 1;
        }
    };
    let mut failures = 0;
    for (what, answer) in use_everything(&log, room) {
        let Err(failure) = answer else { continue };
        failures += 1;
        assert!(
            matches!(failure, StoreFailure::Corrupt { .. }),
            "{case}: {what}: {failure:?}"
        );
        assert!(
            failure.to_string().contains("restore a backup"),
            "{case}: {what}: {failure}"
        );
    }
    failures
}

#[test]
fn a_damaged_page_is_reported_as_damage_wherever_it_is() {
    let folder = Folder::new();
    let room = full(&folder);
    let healthy = folder.remains();
    let pages = healthy.file.len() / PAGE;
    assert!(pages > 20, "{pages}");
    let mut found = 0;
    for page in 1..pages {
        let mut damaged = healthy.clone();
        damaged.file[page * PAGE..(page + 1) * PAGE].fill(if page % 2 == 0 { 0 } else { 0xa5 });
        folder.restore(&damaged);
        found += usize::from(expect_only_damage(&folder, &room, &format!("page {}", page + 1)) > 0);
    }
    // Nothing reads free pages.
    assert!(found * 10 > pages * 8, "{found} of {pages} are noticed");
}

#[test]
fn a_table_that_is_missing_and_a_value_of_another_kind_are_damage() {
    let folder = Folder::new();
    let room = full(&folder);
    let healthy = folder.remains();
    for damage in [
        "DROP TABLE events",
        "DROP TABLE keys",
        "DROP TABLE marks",
        "DROP TABLE revocations",
        "DROP TABLE forgotten",
        "DROP TABLE types",
        "DROP TABLE rooms",
        "DROP TABLE meta",
        "ALTER TABLE rooms DROP COLUMN config",
        "UPDATE meta SET secret = x'00'",
        "UPDATE rooms SET epoch = CAST(x'ff' AS TEXT)",
        "UPDATE rooms SET name = CAST(x'ff' AS TEXT) WHERE name = 'created'",
        "UPDATE types SET name = CAST(x'ff' AS TEXT) WHERE id = 1",
        "UPDATE events SET body = CAST(x'ff' AS TEXT)",
        "UPDATE events SET body = 'no JSON'",
        "UPDATE revocations SET user = CAST(x'ff' AS TEXT)",
    ] {
        folder.restore(&healthy);
        folder.connection().execute_batch(damage).unwrap();
        let failures = expect_only_damage(&folder, &room, damage);
        assert!(failures > 0, "{damage}");
    }
}

#[test]
fn a_file_that_lost_its_end_is_damaged_with_and_without_its_write_ahead_log() {
    let folder = Folder::new();
    let room = full(&folder);
    let log = folder.open().unwrap();
    append(&log, &key(&log, "room"), "line", 7);
    let healthy = folder.remains();
    super::folder::close(log);
    assert!(!healthy.log.is_empty());
    let pages = healthy.file.len() / PAGE;
    let is_whole = || {
        let intact = folder
            .connection()
            .query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        intact.is_ok_and(|intact| intact == "ok")
    };
    for keep in (2..pages).step_by(5) {
        for (length, with_log) in [(keep * PAGE, true), (keep * PAGE + 1_000, false)] {
            let mut damaged = healthy.clone();
            damaged.file.truncate(length);
            if !with_log {
                damaged.log.clear();
            }
            folder.restore(&damaged);
            let failures = expect_only_damage(&folder, &room, &format!("{length} bytes, log: {with_log}"));
            // The write-ahead log may have all pages that the file has lost.
            folder.restore(&damaged);
            assert_eq!(failures > 0, !is_whole(), "{length} bytes, log: {with_log}");
        }
    }
}

#[test]
fn a_write_ahead_log_without_its_file_is_not_thrown_away() {
    let folder = Folder::new();
    let log = folder.open().unwrap();
    append(&log, &key(&log, "room"), "line", 7);
    let healthy = folder.remains();
    super::folder::close(log);
    let path = folder.path().join("desk.db-wal");
    for is_missing in [false, true] {
        let mut left = healthy.clone();
        left.file.clear();
        folder.restore(&left);
        if is_missing {
            fs::remove_file(folder.file()).unwrap();
        }
        for _again in 0..2 {
            let error = folder.open().unwrap_err();
            assert!(matches!(error, SqliteError::Corrupt { .. }), "{error:?}");
            assert!(error.to_string().contains("desk.db-wal"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), healthy.log, "missing: {is_missing}");
        }
        assert!(matches!(
            Sqlite::new_generation(folder.file()),
            Err(SqliteError::Corrupt { .. } | SqliteError::Io { .. })
        ));
        assert_eq!(fs::read(&path).unwrap(), healthy.log, "missing: {is_missing}");
    }
    // One that is empty lacks nothing.
    fs::write(&path, "").unwrap();
    fs::write(folder.file(), "").unwrap();
    folder.create();
}

#[test]
fn a_write_ahead_log_that_ends_within_a_frame_or_has_noise_gives_the_events_before() {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + PAGE;
    let folder = Folder::new();
    let log = folder.open().unwrap();
    let room = key(&log, "room");
    let all: Vec<_> = (0..5).map(|size| append(&log, &room, "line", size)).collect();
    let remains = folder.remains();
    super::folder::close(log);
    for at in (0..remains.log.len())
        .step_by(1_711)
        .chain([1, HEADER, HEADER + FRAME - 1])
    {
        for is_cut in [true, false] {
            let mut left = remains.clone();
            match is_cut {
                true => left.log.truncate(at),
                false => left.log[at] ^= 0xff,
            }
            folder.restore(&left);
            let log = folder.open().unwrap();
            let page = block_on(log.page(room.clone(), "line".into(), u64::MAX, 100, LogBounds::NONE)).unwrap();
            let kept: Vec<_> = page.events.into_iter().rev().collect();
            assert_eq!(kept[..], all[..kept.len()], "byte {at}");
            let whole = at.saturating_sub(HEADER) / FRAME;
            assert!(kept.len() <= whole, "byte {at} of frame {whole}: {} events", kept.len());
            assert_eq!(append(&log, &room, "line", 1).seq, Some(kept.len() as u64 + 1));
            super::folder::close(log);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_that_does_not_exist_yet_creates_it_at_its_own_place() {
    let folder = Folder::new();
    let (volume, link) = (folder.path().join("volume"), folder.path().join("link.db"));
    fs::create_dir(&volume).unwrap();
    std::os::unix::fs::symlink("volume/desk.db", &link).unwrap();
    let log = Sqlite::open(&link).start(1).unwrap();
    let error = Sqlite::open(volume.join("desk.db")).start(1).unwrap_err();
    assert!(matches!(error, SqliteError::InUse { .. }), "{error:?}");
    super::folder::close(log);
    assert_eq!(folder.names(), ["link.db", "volume"]);
    let missing = folder.path().join("missing.db");
    std::os::unix::fs::symlink("nowhere/desk.db", &missing).unwrap();
    let error = Sqlite::open(&missing).start(1).unwrap_err();
    assert!(matches!(error, SqliteError::NoFolder { .. }), "{error:?}");
    let circle = folder.path().join("circle.db");
    std::os::unix::fs::symlink("circle.db", &circle).unwrap();
    let error = Sqlite::open(&circle).start(1).unwrap_err();
    assert!(matches!(error, SqliteError::Io { .. }), "{error:?}");
}

#[test]
fn the_error_names_the_file_that_does_not_open() {
    for suffix in ["-lock", "-wal"] {
        let folder = Folder::new();
        folder.create();
        let path = folder.path().join(format!("desk.db{suffix}"));
        let _absent = fs::remove_file(&path);
        fs::create_dir(&path).unwrap();
        let error = folder.open().unwrap_err();
        assert!(
            matches!(&error, SqliteError::Io { path: of, .. } if *of == path),
            "{suffix}: {error:?}"
        );
    }
}
