//! What is stored, refused and unknown when the store fails.

use std::time::Duration;

use super::desk::{Desk, key, wait};
use crate::log::durable::{Appended, DurableLog, StoreFailure};
use crate::log::sqlite::{StoreError, StoreFault};

#[test]
fn numbers_are_contiguous_in_each_room_over_all_types() {
    let mut desk = Desk::new();
    let (one, other) = (desk.room("one"), desk.room("other"));
    assert_eq!(desk.stored(&one, "a"), 1);
    assert_eq!(desk.stored(&other, "b"), 1);
    let Appended::Stored { seq, frame, .. } = desk.append(&one, "closed", "c", None).recv().unwrap() else {
        panic!("refused");
    };
    assert_eq!(seq, 2);
    assert!(frame.text.ends_with(br#","seq":2}"#));
    assert_eq!(desk.stored(&one, "d"), 3);
    desk.close().unwrap();
    desk.open();
    assert_eq!(desk.stored(&one, "e"), 4, "numbers continue after a restart");
    let texts: Vec<_> = ["a", "c", "d", "e"]
        .iter()
        .zip(1..)
        .map(|(text, seq)| (seq, text.to_string()))
        .collect();
    assert_eq!(desk.events("one"), texts);
    desk.check();
}

#[test]
fn a_key_is_stored_with_its_event_and_finds_it_after_a_restart() {
    let mut desk = Desk::new();
    let room = desk.room("chat");
    assert!(matches!(
        desk.append(&room, "line", "a", key("k")).recv().unwrap(),
        Appended::Stored { seq: 1, .. }
    ));
    assert!(matches!(
        desk.append(&room, "line", "a", key("k")).recv().unwrap(),
        Appended::Repeated { seq: 1 }
    ));
    desk.close().unwrap();
    desk.open();
    assert!(matches!(
        desk.append(&room, "line", "a", key("k")).recv().unwrap(),
        Appended::Repeated { seq: 1 }
    ));
    assert_eq!(desk.stored(&room, "b"), 2);
}

#[test]
fn a_key_that_does_not_count_any_more_is_replaced() {
    let mut desk = Desk::new();
    let room = desk.room("chat");
    let append = |desk: &Desk| match desk.append(&room, "line", "a", key("k")).recv().unwrap() {
        Appended::Stored { seq, .. } => Ok(seq),
        Appended::Repeated { seq } => Err(seq),
        other => panic!("{other:?}"),
    };
    assert_eq!(append(&desk), Ok(1));
    desk.faults.age_keys(Duration::from_secs(110));
    assert_eq!(append(&desk), Err(1));
    desk.faults.age_keys(Duration::from_secs(20));
    assert_eq!(append(&desk), Ok(2));
    desk.close().unwrap();
    desk.faults.age_keys(Duration::ZERO);
    desk.open();
    desk.check();
}

#[test]
fn a_full_disk_refuses_and_the_store_resumes_by_itself() {
    let desk = Desk::new();
    let room = desk.room("chat");
    desk.faults.always(StoreFault::AtCommit(StoreError::Full));
    let outcome = desk.append(&room, "line", "a", None).recv().unwrap();
    assert!(matches!(outcome, Appended::Refused(StoreFailure::Full)), "{outcome:?}");
    let health = desk.log().health();
    assert_eq!(
        (health.failing, health.refused, health.unknown),
        (Some(StoreFailure::Full), 1, 0)
    );
    desk.faults.heal();
    assert_eq!(desk.stored(&room, "b"), 1);
    assert_eq!(desk.log().health().failing, None);
    desk.check();
}

#[test]
fn a_store_that_fails_is_probed_without_traffic() {
    let desk = Desk::new();
    let room = desk.room("chat");
    let (sender, watched) = std::sync::mpsc::channel();
    desk.log()
        .watch(Box::new(move |failing| sender.send(failing.cloned()).unwrap()));
    desk.faults.once(StoreFault::AtChange(0, StoreError::ReadOnly));
    let outcome = desk.append(&room, "line", "a", None).recv().unwrap();
    assert!(
        matches!(outcome, Appended::Refused(StoreFailure::ReadOnly)),
        "{outcome:?}"
    );
    assert_eq!(watched.recv().unwrap(), Some(StoreFailure::ReadOnly));
    assert_eq!(watched.recv().unwrap(), None, "the probe finds out");
    assert_eq!(desk.number("SELECT probe IS NULL FROM meta"), 1);
}

#[test]
fn a_commit_that_fails_on_the_disk_is_unknown_and_its_key_tells() {
    let desk = Desk::new();
    let room = desk.room("chat");
    assert_eq!(desk.stored(&room, "a"), 1);
    for (fault, seq, repeated) in [
        (StoreFault::AtCommit(StoreError::Io), 2, false),
        (StoreFault::AfterCommit(StoreError::Io), 3, true),
        (StoreFault::PanicBeforeCommit, 4, false),
        (StoreFault::PanicAfterCommit, 5, true),
    ] {
        let name = format!("{fault:?}");
        desk.faults.once(fault);
        let outcome = desk.append(&room, "line", &name, key(&name)).recv().unwrap();
        assert!(matches!(outcome, Appended::Unknown(_)), "{outcome:?}");
        match desk.append(&room, "line", &name, key(&name)).recv().unwrap() {
            Appended::Stored { seq: stored, .. } => assert_eq!((stored, false), (seq, repeated), "{name}"),
            Appended::Repeated { seq: stored } => assert_eq!((stored, true), (seq, repeated), "{name}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(desk.log().health().unknown, 4);
    assert_eq!(desk.events("chat").len(), 5);
    desk.check();
}

#[test]
fn one_bad_change_does_not_refuse_the_others_of_its_batch() {
    let desk = Desk::new();
    let room = desk.room("chat");
    desk.faults.stall();
    let first = desk.append(&room, "line", "first", None);
    desk.faults.wait_until_stalled();
    let waiting: Vec<_> = (0..5)
        .map(|number| desk.append(&room, "line", &number.to_string(), None))
        .collect();
    desk.faults.once(StoreFault::AtChange(3, StoreError::Constraint));
    for number in 0..5 {
        match number {
            2 => desk.faults.once(StoreFault::AtChange(0, StoreError::Constraint)),
            _ => desk.faults.pass(),
        }
    }
    desk.faults.release();
    assert!(matches!(first.recv().unwrap(), Appended::Stored { seq: 1, .. }));
    let seqs: Vec<_> = waiting
        .into_iter()
        .map(|outcome| match outcome.recv().unwrap() {
            Appended::Stored { seq, .. } => Some(seq),
            Appended::Refused(_) => None,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seqs, [Some(2), Some(3), None, Some(4), Some(5)]);
    desk.check();
}

#[test]
fn what_waits_is_bounded_and_withdrawn_appends_are_skipped() {
    let mut desk = Desk::new();
    desk.close().unwrap();
    desk.open_with(4_000);
    let room = desk.room("chat");
    desk.faults.stall();
    let first = desk.append(&room, "line", &"x".repeat(10_000), None);
    desk.faults.wait_until_stalled();
    let ticket = std::sync::Arc::default();
    let (sender, withdrawn) = std::sync::mpsc::channel();
    desk.append_with(
        &room,
        "line",
        "withdrawn",
        None,
        std::sync::Arc::clone(&ticket),
        move |outcome| {
            sender.send(outcome).unwrap();
        },
    );
    assert!(ticket.withdraw());
    let second = desk.append(&room, "line", "second", None);
    let outcome = desk.append(&room, "line", &"x".repeat(4_000), None).recv().unwrap();
    assert!(
        matches!(outcome, Appended::Refused(StoreFailure::Overloaded { limit: 4_000 })),
        "{outcome:?}"
    );
    let health = desk.log().health();
    assert_eq!((health.waiting, health.refused, health.failing), (2, 1, None));
    desk.faults.release();
    assert!(matches!(first.recv().unwrap(), Appended::Stored { seq: 1, .. }));
    assert!(matches!(
        withdrawn.recv().unwrap(),
        Appended::Refused(StoreFailure::TimedOut { .. })
    ));
    assert!(matches!(second.recv().unwrap(), Appended::Stored { seq: 2, .. }));
    assert_eq!(desk.log().health().waiting_bytes, 0);
}

#[test]
fn closing_stores_what_waits_and_marks_the_file_as_clean() {
    let mut desk = Desk::new();
    let room = desk.room("chat");
    let waiting: Vec<_> = (0..100)
        .map(|number| desk.append(&room, "line", &number.to_string(), None))
        .collect();
    assert_eq!(wait(desk.log().close()), Ok(()));
    let late = desk.append(&room, "line", "late", None).recv().unwrap();
    assert!(matches!(late, Appended::Refused(StoreFailure::Closed)), "{late:?}");
    assert!(
        waiting
            .into_iter()
            .all(|outcome| matches!(outcome.recv().unwrap(), Appended::Stored { .. }))
    );
    assert_eq!(desk.close(), Ok(()), "a second call gives the same");
    assert_eq!(desk.number("SELECT is_clean FROM meta"), 1);
    assert_eq!(desk.events("chat").len(), 100);

    desk.open();
    desk.faults.always(StoreFault::AtCommit(StoreError::Full));
    assert_eq!(desk.close(), Err(StoreFailure::Full));
    desk.faults.heal();
    assert_eq!(desk.number("SELECT is_clean FROM meta"), 0);
}
