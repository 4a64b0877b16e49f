//! More keys than the file keeps: a repetition that says so never stores an event again.

use std::time::{Duration, Instant};

use super::desk::{Desk, wait};
use crate::log::durable::{AppendKey, Appended, DurableLog, KeyOutcome, RoomKey};

/// How many events are stored with keys, by a third as many connections.
const KEYS: u64 = 60;

/// The key with this number. `repeats` is the run of its connection, in a repetition that says so.
fn key(number: u64, repeats: Option<u64>) -> AppendKey {
    AppendKey {
        user: "ada".into(),
        key: format!("k{number}"),
        connection: format!("c{}", number / 3).into(),
        repeats,
    }
}

fn append(desk: &Desk, room: &RoomKey, key: AppendKey) -> Appended {
    desk.append(room, "line", "a", Some(key)).recv().unwrap()
}

fn fill(desk: &Desk, room: &RoomKey) {
    for number in 0..KEYS {
        let outcome = append(desk, room, key(number, None));
        assert!(matches!(outcome, Appended::Stored { .. }), "{outcome:?}");
    }
}

fn wait_until(desk: &Desk, sql: &str, holds: impl Fn(i64) -> bool) {
    let started = Instant::now();
    while !holds(desk.number(sql)) {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "{sql}: {}",
            desk.number(sql)
        );
        std::thread::yield_now();
    }
}

/// Repeats every trigger of the first run. Returns how many were found, and how many may have been forgotten.
fn repeat_all(desk: &Desk, room: &RoomKey) -> (usize, usize) {
    let (mut found, mut forgotten) = (0, 0);
    for number in 0..KEYS {
        let told = wait(desk.log().outcome_of(room.clone(), key(number, Some(1)))).unwrap();
        match (append(desk, room, key(number, Some(1))), told) {
            (Appended::Repeated { seq }, KeyOutcome::Stored { seq: of }) => {
                assert_eq!((seq, of), (number + 1, number + 1));
                found += 1;
            }
            (Appended::Forgotten, KeyOutcome::Forgotten) => forgotten += 1,
            other => panic!("k{number}: {other:?}"),
        }
    }
    assert_eq!(desk.number("SELECT count(*) FROM events"), KEYS.cast_signed());
    (found, forgotten)
}

#[test]
fn a_connection_that_has_lost_keys_is_remembered_and_repeats_nothing_twice() {
    let mut desk = Desk::new();
    let room = desk.room("chat");
    fill(&desk, &room);
    desk.faults.limit_keys(20);
    // Any change makes the store look at its keys.
    wait(desk.log().revoke("eve".into(), 1)).unwrap();
    wait_until(&desk, "SELECT count(*) FROM keys", |keys| keys <= 20);
    assert_eq!(repeat_all(&desk, &room), (20, 40));
    desk.close().unwrap();
    desk.open();
    assert_eq!(repeat_all(&desk, &room), (20, 40), "after a restart");
    // Connections that have lost nothing are still told what is new.
    let new = AppendKey {
        connection: "c19".into(),
        ..key(200_000, Some(1))
    };
    let outcome = append(&desk, &room, new);
    assert!(matches!(outcome, Appended::Stored { .. }), "{outcome:?}");
    assert_eq!(desk.number("SELECT keys_gap_run FROM meta"), 0);
}

#[test]
fn if_too_many_connections_have_lost_keys_every_earlier_repetition_may_be_one() {
    let mut desk = Desk::new();
    let room = desk.room("chat");
    desk.faults.limit_keys(4);
    fill(&desk, &room);
    wait_until(&desk, "SELECT count(*) FROM keys", |keys| keys <= 4);
    assert_eq!(desk.number("SELECT keys_gap_run FROM meta"), 1);
    assert!(desk.number("SELECT count(*) FROM forgotten") <= 20);
    assert_eq!(repeat_all(&desk, &room), (4, 56));
    desk.close().unwrap();
    desk.open();
    assert_eq!(repeat_all(&desk, &room), (4, 56), "after a restart");
    // A connection that nothing is known of.
    let unknown = |run| AppendKey {
        connection: "c500".into(),
        ..key(300_000, Some(run))
    };
    let outcome = append(&desk, &room, unknown(1));
    assert!(matches!(outcome, Appended::Forgotten), "{outcome:?}");

    // Ten minutes later, the first run is forgotten, and so is the gap in it.
    desk.faults.age_keys(Duration::from_secs(601));
    wait_until(&desk, "SELECT oldest_run FROM meta", |run| run == 2);
    assert_eq!(desk.number("SELECT keys_gap_run FROM meta"), 0);
    wait_until(&desk, "SELECT count(*) FROM keys", |keys| keys == 0);
    assert_eq!(repeat_all(&desk, &room), (0, 60));
    let outcome = append(&desk, &room, unknown(2));
    assert!(matches!(outcome, Appended::Stored { .. }), "{outcome:?}");
}

#[test]
fn a_key_that_replaces_another_one_is_no_key_more() {
    let desk = Desk::new();
    let room = desk.room("chat");
    // A quarter of them may be old.
    desk.faults.limit_keys(40);
    for round in 0..4 {
        for number in 0..10 {
            let outcome = append(&desk, &room, key(number, None));
            assert!(matches!(outcome, Appended::Stored { .. }), "{outcome:?}");
        }
        desk.faults.age_keys(Duration::from_secs(130));
        // The store looks at its keys after each change, and the second change comes after that.
        for _change in 0..2 {
            wait(desk.log().revoke("eve".into(), 1)).unwrap();
        }
        assert_eq!(desk.number("SELECT count(*) FROM keys"), 10, "round {round}");
    }
}

#[test]
fn connections_of_forgotten_runs_take_no_space_of_later_ones() {
    let mut desk = Desk::new();
    let room = desk.room("chat");
    desk.faults.limit_keys(10);
    fill(&desk, &room);
    wait_until(&desk, "SELECT count(*) FROM keys", |keys| keys <= 10);
    assert!(desk.number("SELECT count(*) FROM forgotten") >= 10, "no more are noted");
    desk.close().unwrap();
    desk.open();
    desk.faults.age_keys(Duration::from_secs(601));
    wait_until(&desk, "SELECT count(*) FROM forgotten", |rows| rows == 0);
    desk.faults.age_keys(Duration::from_secs(130));
    for number in 1_000..1_013 {
        append(&desk, &room, key(number, None));
    }
    wait_until(&desk, "SELECT count(*) FROM keys", |keys| keys <= 10);
    assert!(desk.number("SELECT count(*) FROM forgotten") > 0);
    assert_eq!(desk.number("SELECT keys_gap_run FROM meta"), 0);
}
