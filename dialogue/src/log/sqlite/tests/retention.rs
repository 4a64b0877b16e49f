//! What retention no longer keeps: too old, or too much, with a budget of its own for some types.

use std::sync::Arc;
use std::time::Duration;

use super::Folder;
use super::folder::{block_on, close};
use super::model::{append, key};
use crate::log::durable::{DurableLog, ExpiredEvent, RoomKey, Wanted};
use crate::log::sqlite::identity::Identity;
use crate::log::sqlite::read;
use crate::log::sqlite::settings::{Retention, RetentionPolicy};
use crate::log::sqlite::store::SqliteLog;
use crate::log::{LogBounds, Replay};

const ALL: LogBounds = LogBounds::NONE;

/// Opens the file of a folder with a retention for all types but `vote`, which has its own.
fn open(folder: &Folder, shared: Retention, of_votes: Retention) -> SqliteLog {
    let mut settings = folder.settings();
    settings.retention = RetentionPolicy {
        shared,
        own: [("vote".into(), of_votes)].into(),
    };
    settings.start(1024 * 1024).unwrap()
}

/// The types and numbers of the events that retention no longer keeps.
fn expired(log: &SqliteLog, bounds: LogBounds) -> (Vec<ExpiredEvent>, Vec<(String, u64)>) {
    let expired = block_on(log.expired(bounds)).unwrap().events;
    let names = expired
        .iter()
        .map(|expired| (expired.event.event.to_string(), expired.event.seq.unwrap()))
        .collect();
    (expired, names)
}

fn line(seq: u64) -> (String, u64) {
    ("line".to_owned(), seq)
}

fn since(log: &SqliteLog, room: &RoomKey, after: u64) -> Replay {
    let wanted: Wanted = Arc::new(|_| true);
    block_on(log.since(room.clone(), after, u64::MAX, wanted, ALL)).unwrap()
}

#[test]
fn the_oldest_events_beyond_the_bytes_go_and_are_never_claimed_again() {
    let folder = Folder::new();
    let log = open(&folder, Retention::FOREVER, Retention::FOREVER);
    let (one, other) = (key(&log, "a"), key(&log, "b"));
    let first = append(&log, &one, "line", 10);
    append(&log, &one, "vote", 10);
    append(&log, &other, "line", 10);
    append(&log, &one, "line", 10);
    assert_eq!(expired(&log, ALL).1, []);
    close(log);

    // Room for one line. The vote has its own budget, and does not count.
    let bytes = first.body.len() as u64;
    let log = open(
        &folder,
        Retention::FOREVER.with_bytes(bytes),
        Retention::FOREVER.with_bytes(10 * bytes),
    );
    let (gone, names) = expired(&log, ALL);
    assert_eq!(
        names,
        [line(1), line(1)],
        "the first of each room: the order of the file"
    );
    assert_eq!((&gone[0].room, &gone[1].room), (&one, &other));
    assert_eq!(gone[0].event, first);
    let step = LogBounds { events: 1, ..ALL };
    assert_eq!(expired(&log, step).1, [line(1)], "one step after another");
    block_on(log.remove(gone)).unwrap();
    assert_eq!(expired(&log, ALL).1, []);
    close(log);

    let log = open(&folder, Retention::FOREVER, Retention::FOREVER);
    assert_eq!(since(&log, &one, 0), Replay::Lost);
    let Replay::Complete(kept) = since(&log, &one, 1) else {
        panic!("nothing after the first event is gone")
    };
    assert_eq!(kept.iter().filter_map(|event| event.seq).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(append(&log, &other, "line", 10).seq, Some(2), "numbers continue");
    close(log);
}

#[test]
fn events_that_are_too_old_go_and_each_type_has_its_own_age() {
    let folder = Folder::new();
    let day = Duration::from_secs(24 * 60 * 60);
    let log = open(&folder, Retention::FOREVER, Retention::FOREVER);
    let room = key(&log, "a");
    for event in ["line", "vote", "line"] {
        append(&log, &room, event, 10);
    }
    close(log);
    // The first line and the vote are two days older than the last line.
    let two_days = 2 * i64::try_from(day.as_millis()).unwrap();
    folder
        .connection()
        .execute("UPDATE events SET at = at - ?1 WHERE seq < 3", [two_days])
        .unwrap();
    let log = open(
        &folder,
        Retention::FOREVER.with_age(day),
        Retention::FOREVER.with_age(3 * day),
    );
    let (gone, names) = expired(&log, ALL);
    assert_eq!(names, [line(1)]);
    block_on(log.remove(gone)).unwrap();
    assert_eq!(expired(&log, ALL).1, []);
    close(log);
    let log = open(&folder, Retention::FOREVER, Retention::FOREVER.with_age(day));
    assert_eq!(expired(&log, ALL).1, [("vote".to_owned(), 2)]);
    close(log);
}

/// What retention finds between two steps of the removal of the deleted room `a`.
fn expired_during_removal(folder: &Folder, shared: Retention, now: i64) -> Vec<ExpiredEvent> {
    let connection = folder.connection();
    connection
        .execute("UPDATE rooms SET name = NULL WHERE name = 'a'", [])
        .unwrap();
    let policy = RetentionPolicy {
        shared,
        ..RetentionPolicy::default()
    };
    let identity = Identity {
        secret: [0; 32],
        generation: "g".into(),
        run: 1,
    };
    read::expired::expired(&connection, &identity, &policy, now, ALL).unwrap()
}

#[test]
fn a_room_that_is_being_removed_does_not_count() {
    let folder = Folder::new();
    let log = open(&folder, Retention::FOREVER, Retention::FOREVER);
    let room = key(&log, "a");
    append(&log, &room, "line", 10);
    close(log);
    assert_eq!(expired_during_removal(&folder, Retention::FOREVER.with_bytes(1), 0), []);
}

#[test]
fn retention_waits_until_deleted_rooms_are_removed() {
    let folder = Folder::new();
    let log = open(&folder, Retention::FOREVER, Retention::FOREVER);
    let (room, other) = (key(&log, "a"), key(&log, "b"));
    append(&log, &room, "line", 10);
    append(&log, &other, "line", 10);
    close(log);
    let shared = Retention::FOREVER.with_bytes(1).with_age(Duration::ZERO);
    assert_eq!(expired_during_removal(&folder, shared, i64::MAX), []);
}
