//! Deleted rooms, removed and erased events, and keys that are dropped.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::desk::{Desk, key, wait};
use crate::log::StoredEvent;
use crate::log::durable::{
    AppendKey, Appended, Creator, DurableLog, ErasedPlace, ExpiredEvent, KeyOutcome, NewRoom, Place, RoomExists,
    RoomKey, StoreFailure,
};

fn deleted(desk: &Desk, room: &RoomKey, stays_deleted: bool) -> bool {
    let (sender, receiver) = channel();
    let done = Box::new(move |outcome| sender.send(outcome).unwrap());
    desk.log().delete_room(room.clone(), stays_deleted, done);
    receiver.recv().unwrap().unwrap()
}

fn new_room(id: &str) -> NewRoom {
    NewRoom {
        id: id.into(),
        creator: Creator::Server,
        created_by: None,
        holder: Some("user:ada".to_owned()),
        config: Some("{}".to_owned()),
    }
}

fn present(desk: &Desk, id: &str) -> RoomKey {
    wait(desk.log().room(&id.into())).unwrap().key
}

/// Blocks until deleted rooms have left no row.
fn wait_until_purged(desk: &Desk) {
    let started = Instant::now();
    while desk.number("SELECT count(*) FROM rooms WHERE name IS NULL") > 0 {
        assert!(started.elapsed() < Duration::from_secs(60), "the rows remain");
        std::thread::yield_now();
    }
}

#[test]
fn no_append_follows_the_deletion_of_its_room() {
    let desk = Desk::new();
    let room = desk.room("chat");
    desk.faults.stall();
    let before = desk.append(&room, "line", "before", key("k"));
    let (sender, deletion) = channel();
    desk.log().delete_room(
        room.clone(),
        false,
        Box::new(move |outcome| sender.send(outcome).unwrap()),
    );
    let after = desk.append(&room, "line", "after", None);
    desk.faults.release();
    assert!(matches!(before.recv().unwrap(), Appended::Stored { seq: 1, .. }));
    assert_eq!(deletion.recv().unwrap(), Ok(true));
    assert!(matches!(after.recv().unwrap(), Appended::NoSuchRoom));
    assert!(!deleted(&desk, &room, false), "it is deleted already");

    let next = present(&desk, "chat");
    assert_ne!(next.epoch, room.epoch);
    let repeated = desk.append(&next, "line", "next", key("k")).recv().unwrap();
    assert!(
        matches!(repeated, Appended::Stored { seq: 1, .. }),
        "keys go with the room: {repeated:?}"
    );
    wait_until_purged(&desk);
    assert_eq!(desk.events("chat"), [(1, "next".to_owned())]);
    assert_eq!(desk.number("SELECT count(*) FROM events"), 1);
    desk.check();
}

#[test]
fn rooms_are_created_once_and_return_with_another_epoch() {
    let mut desk = Desk::new();
    let created = wait(desk.log().create_room(new_room("club"))).unwrap().unwrap();
    assert_eq!(wait(desk.log().create_room(new_room("club"))), Ok(Err(RoomExists)));
    let room = present(&desk, "club");
    assert_eq!(room.epoch, created);
    assert_eq!(desk.stored(&room, "a"), 1);
    assert!(deleted(&desk, &room, false));
    assert!(matches!(
        desk.append(&room, "line", "b", None).recv().unwrap(),
        Appended::NoSuchRoom
    ));
    desk.close().unwrap();
    desk.open();
    let again = wait(desk.log().create_room(new_room("club"))).unwrap().unwrap();
    assert_ne!(again, created);
    wait_until_purged(&desk);
    assert_eq!(desk.number("SELECT count(*) FROM rooms"), 1);

    // A declared room stays deleted until it is created.
    let declared = desk.room("lobby");
    assert!(deleted(&desk, &declared, true));
    assert!(wait(desk.log().room(&"lobby".into())).unwrap().is_deleted);
    let refused = desk.append(&present(&desk, "lobby"), "line", "a", None).recv().unwrap();
    assert!(matches!(refused, Appended::NoSuchRoom));
    let returned = wait(desk.log().create_room(new_room("lobby"))).unwrap().unwrap();
    assert_ne!(returned, declared.epoch);
    let returned = present(&desk, "lobby");
    assert!(deleted(&desk, &returned, false));
    let last = present(&desk, "lobby");
    assert!(
        last.epoch != returned.epoch && last.epoch != declared.epoch,
        "no epoch returns"
    );
}

#[test]
fn a_room_that_is_created_has_no_events_of_an_on_demand_room() {
    let desk = Desk::new();
    let idle = desk.room("club");
    assert_eq!(desk.stored(&idle, "of the on-demand room"), 1);
    let created = wait(desk.log().create_room(new_room("club"))).unwrap().unwrap();
    assert_ne!(created, idle.epoch);
    let room = present(&desk, "club");
    assert_eq!(room.epoch, created);
    assert!(matches!(
        desk.append(&idle, "line", "late", None).recv().unwrap(),
        Appended::NoSuchRoom
    ));
    assert_eq!(desk.stored(&room, "of the created room"), 1);
    wait_until_purged(&desk);
    assert_eq!(desk.events("club"), [(1, "of the created room".to_owned())]);
    assert!(deleted(&desk, &room, false));
    let last = present(&desk, "club");
    assert!(last.epoch != idle.epoch && last.epoch != created, "no epoch returns");
    wait_until_purged(&desk);
    desk.check();
}

#[test]
fn a_large_room_is_removed_while_other_rooms_go_on() {
    let mut desk = Desk::new();
    let room = desk.room("large");
    assert_eq!(desk.stored(&room, "first"), 1);
    desk.close().unwrap();
    let connection = desk.connect();
    connection
        .execute_batch(
            "WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 30000) \
             INSERT INTO events (room, type, seq, at, sender, body) \
             SELECT room, type, n, at, sender, json_set(body, '$.seq', n) FROM events, n; \
             UPDATE types SET events = (SELECT count(*) FROM events), \
                 bytes = (SELECT sum(octet_length(body)) FROM events);",
        )
        .unwrap();
    drop(connection);
    desk.open();
    let other = desk.room("other");
    assert!(deleted(&desk, &room, false));
    let mut during = 0;
    while desk.number("SELECT count(*) FROM rooms WHERE name IS NULL") > 0 {
        during += 1;
        assert_eq!(desk.stored(&other, "x"), during);
    }
    assert!(during > 3, "only {during} appends went on meanwhile");
    assert_eq!(
        desk.number("SELECT count(*) FROM events"),
        i64::try_from(during).unwrap()
    );
    desk.check();
}

#[test]
fn removed_events_leave_a_mark_and_a_deleted_room_keeps_its_rest() {
    let mut desk = Desk::new();
    let room = desk.room("chat");
    for text in ["a", "b", "c"] {
        desk.stored(&room, text);
    }
    let expired = |row: i64, seq: u64, room: &RoomKey| ExpiredEvent {
        place: Place::of_row(row),
        room: room.clone(),
        event: StoredEvent {
            event: "line".into(),
            seq: Some(seq),
            body: bytes::Bytes::new(),
        },
    };
    assert_eq!(wait(desk.log().remove(Vec::new())), Ok(()));
    let gone = RoomKey {
        epoch: "gone.g".into(),
        ..room.clone()
    };
    let some = vec![
        expired(1, 1, &room),
        expired(2, 2, &gone),
        expired(3, 2, &room),
        expired(3, 3, &room),
    ];
    assert_eq!(wait(desk.log().remove(some)), Ok(()));
    assert_eq!(desk.events("chat"), [(2, "b".to_owned())]);
    assert_eq!(desk.number("SELECT seq FROM marks"), 3);
    desk.check();
    desk.close().unwrap();
    desk.open();
    assert_eq!(desk.stored(&room, "d"), 4, "a mark keeps the number");
}

#[test]
fn erased_data_is_nowhere_in_the_file() {
    const SECRET: &str = "nobody may ever read this";
    let desk = Desk::new();
    let room = desk.room("chat");
    desk.stored(&room, "before");
    let seq = desk.stored(&room, SECRET);
    desk.stored(&room, "after");
    let place = ErasedPlace {
        room: room.clone(),
        event: None,
        seq,
    };
    for expected in [1, 0] {
        let (sender, receiver) = channel();
        let places = vec![
            place.clone(),
            ErasedPlace {
                seq: 99,
                ..place.clone()
            },
        ];
        desk.log()
            .erase(places, Box::new(move |erased| sender.send(erased).unwrap()));
        let erased = receiver.recv().unwrap().unwrap();
        assert_eq!(erased.len(), expected);
        assert!(
            erased
                .iter()
                .all(|place| place.event.as_deref() == Some("line") && place.seq == seq)
        );
    }
    for file in std::fs::read_dir(desk.folder()).unwrap() {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!content.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
    }
    let body = desk.number("SELECT json_extract(body, '$.erased') FROM events WHERE seq = 2");
    assert_eq!(body, 1);
    desk.check();
}

#[test]
fn a_marked_repetition_finds_old_keys_until_earlier_runs_are_forgotten() {
    let mut desk = Desk::new();
    let room = desk.room("chat");
    let marked = |name: &str, run| {
        Some(AppendKey {
            repeats: Some(run),
            ..key(name).unwrap()
        })
    };
    assert!(matches!(
        desk.append(&room, "line", "a", key("k")).recv().unwrap(),
        Appended::Stored { .. }
    ));
    desk.close().unwrap();
    desk.open();
    desk.faults.age_keys(Duration::from_secs(300));
    let repeated = desk.append(&room, "line", "a", marked("k", 1)).recv().unwrap();
    assert!(matches!(repeated, Appended::Repeated { seq: 1 }), "{repeated:?}");
    let stored = desk.append(&room, "line", "b", marked("l", 1)).recv().unwrap();
    assert!(
        matches!(stored, Appended::Stored { seq: 2, .. }),
        "nothing was forgotten: {stored:?}"
    );

    desk.faults.age_keys(Duration::from_secs(301));
    let started = Instant::now();
    while desk.number("SELECT oldest_run FROM meta") < 2 || desk.number("SELECT count(*) FROM keys") > 1 {
        assert!(started.elapsed() < Duration::from_secs(30));
        std::thread::yield_now();
    }
    let forgotten = desk.append(&room, "line", "a", marked("k", 1)).recv().unwrap();
    assert!(matches!(forgotten, Appended::Forgotten), "{forgotten:?}");
    let outcome = |key: Option<AppendKey>| wait(desk.log().outcome_of(room.clone(), key.unwrap())).unwrap();
    assert_eq!(outcome(marked("k", 1)), KeyOutcome::Forgotten);
    assert_eq!(outcome(marked("l", 2)), KeyOutcome::Stored { seq: 2 });
    assert_eq!(outcome(key("l")), KeyOutcome::NotStored);
}

#[test]
fn revocations_are_kept_for_the_next_run() {
    let mut desk = Desk::new();
    assert_eq!(wait(desk.log().revoke("ada".into(), 5)), Ok(()));
    assert_eq!(wait(desk.log().revoke("ada".into(), 7)), Ok(()));
    desk.close().unwrap();
    desk.open();
    let revoked = desk.log().run().revoked;
    assert_eq!(revoked.len(), 1);
    assert_eq!((revoked[0].user.as_str(), revoked[0].run, revoked[0].at), ("ada", 1, 7));
}

#[test]
fn a_file_at_its_size_limit_refuses_until_there_is_space() {
    let desk = Desk::new();
    let room = desk.room("chat");
    let (sender, watched) = channel();
    desk.log()
        .watch(Box::new(move |failing| sender.send(failing.cloned()).unwrap()));
    desk.faults.limit_pages(Some(60));
    let mut stored = 0;
    let refused = loop {
        match desk.append(&room, "line", &"x".repeat(2_000), None).recv().unwrap() {
            Appended::Stored { .. } => stored += 1,
            other => break other,
        }
        assert!(stored < 1_000, "the limit has no effect");
    };
    assert!(matches!(refused, Appended::Refused(StoreFailure::Full)), "{refused:?}");
    assert_eq!(watched.recv().unwrap(), Some(StoreFailure::Full));
    desk.faults.limit_pages(None);
    assert_eq!(watched.recv().unwrap(), None, "it works again although nobody appends");
    assert_eq!(desk.stored(&room, "y"), stored + 1);
    desk.check();
}
