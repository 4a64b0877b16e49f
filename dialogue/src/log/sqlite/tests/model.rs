//! The file answers like the log in memory, also after it was closed or the process was killed.

use std::sync::Arc;
use std::sync::mpsc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::Folder;
use super::folder::{block_on, close};
use crate::id::{EventName, RoomId, UserId};
use crate::log::durable::{Append, Appended, DurableLog, ExpiredEvent, PerType, Place, RoomKey, Wanted};
use crate::log::room_log::RoomLog;
use crate::log::sqlite::store::SqliteLog;
use crate::log::{LogBounds, LogCursor, Replay, StoredEvent};
use crate::protocol::EventHead;

const ROOMS: [&str; 2] = ["a", "b"];
const TYPES: [&str; 3] = ["line", "note", "vote"];
const ALL: LogBounds = LogBounds::NONE;

#[derive(Debug, Clone)]
enum Step {
    Append {
        room: usize,
        kind: usize,
        size: usize,
    },
    /// The oldest event of a room is removed.
    Remove {
        room: usize,
    },
    Delete {
        room: usize,
    },
    Close,
    Kill,
}

fn any_step() -> impl Strategy<Value = Step> {
    let room = 0..ROOMS.len();
    prop_oneof![
        12 => (room.clone(), 0..TYPES.len(), 0_usize..12)
            .prop_map(|(room, kind, size)| Step::Append { room, kind, size }),
        3 => room.clone().prop_map(|room| Step::Remove { room }),
        1 => room.prop_map(|room| Step::Delete { room }),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
    ]
}

fn any_bounds() -> impl Strategy<Value = LogBounds> {
    prop_oneof![
        Just(ALL),
        (0_usize..6, 0_usize..500).prop_map(|(events, bytes)| LogBounds { events, bytes }),
    ]
}

pub(super) fn append(log: &SqliteLog, room: &RoomKey, event: &str, size: usize) -> StoredEvent {
    let (event, from) = (EventName::from(event), UserId::from("ada"));
    let (answer, answers) = mpsc::channel();
    let prepared = EventHead {
        event: &event,
        room_id: &room.id,
        data: &json!("x".repeat(size)),
        from: &from,
        timestamp: 1,
        meta: None,
    }
    .prepare();
    log.append(Append {
        room: room.clone(),
        event: event.clone(),
        from,
        prepared,
        key: None,
        keep: usize::MAX,
        ticket: Arc::default(),
        done: Box::new(move |outcome| answer.send(outcome).unwrap()),
    });
    match answers.recv().unwrap() {
        Appended::Stored { seq, frame, .. } => StoredEvent {
            event,
            seq: Some(seq),
            body: Bytes::copy_from_slice(&frame.text),
        },
        other => panic!("{other:?}"),
    }
}

pub(super) fn key(log: &SqliteLog, room: &str) -> RoomKey {
    block_on(log.room(&RoomId::from(room))).unwrap().key
}

fn remove(folder: &Folder, log: &SqliteLog, room: &RoomKey, event: StoredEvent) {
    let row: i64 = folder
        .connection()
        .query_row(
            "SELECT events.id FROM events JOIN rooms ON rooms.id = room WHERE name = ?1 AND seq = ?2",
            (room.id.as_str(), event.seq.unwrap().cast_signed()),
            |row| row.get(0),
        )
        .unwrap();
    let (place, room) = (Place::of_row(row), room.clone());
    block_on(log.remove(vec![ExpiredEvent { place, room, event }])).unwrap();
}

fn compare(log: &SqliteLog, key: &RoomKey, memory: &RoomLog, mask: u8, per_type: usize, bounds: LogBounds) {
    let wants = move |name: &str| {
        TYPES
            .iter()
            .position(|known| *known == name)
            .is_some_and(|kind| mask & (1 << kind) != 0)
    };
    let wanted: Wanted = Arc::new(wants);
    let counts: PerType = Arc::new(move |name| if wants(name) { per_type } else { 0 });
    let top = memory.top();
    for after in 0..=top {
        let stored = block_on(log.since(key.clone(), after, top, Arc::clone(&wanted), bounds)).unwrap();
        assert_eq!(stored, memory.since(after, &wants, bounds), "since {after}");
    }
    let newest = block_on(log.newest(key.clone(), top, Arc::clone(&counts), bounds)).unwrap();
    assert_eq!(newest, memory.recent(&*counts, bounds));
    for (kind, before) in TYPES
        .iter()
        .flat_map(|kind| (0..=top + 1).map(move |before| (kind, before)))
    {
        let stored = block_on(log.page(key.clone(), EventName::from(*kind), before, per_type, bounds)).unwrap();
        let cursor = LogCursor::Before {
            seq: before,
            limit: per_type,
        };
        assert_eq!(stored, memory.page(kind, cursor, bounds).0, "{kind} before {before}");
    }
    let window = block_on(log.window(key.clone(), counts, bounds)).unwrap();
    assert_eq!(window.top, top);
    let mut in_window: Vec<_> = window.types.iter().flat_map(|kind| kind.events.clone()).collect();
    in_window.sort_by_key(|event| event.seq);
    assert_eq!(in_window, newest);
    for kind in window.types {
        let oldest = kind.events.first().and_then(|event| event.seq).unwrap_or(u64::MAX);
        let cursor = LogCursor::Before { seq: oldest, limit: 1 };
        let older = memory.page(&kind.event, cursor, ALL).0.events;
        assert_eq!(kind.has_older, !older.is_empty(), "{}", kind.event);
        // From its mark on, the window has everything of the type. Below it, something is missing.
        let of_kind = |name: &str| *name == *kind.event;
        match memory.since(kind.mark, &of_kind, ALL) {
            Replay::Complete(events) => assert_eq!(events, kind.events),
            Replay::Lost => panic!("{} has lost events above its mark {}", kind.event, kind.mark),
        }
        if let Some(below) = kind.mark.checked_sub(1) {
            assert_ne!(memory.since(below, &of_kind, ALL), Replay::Complete(kind.events));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_file_answers_like_the_log_in_memory(
        steps in prop::collection::vec(any_step(), 1..30),
        mask in 0_u8..8,
        per_type in 0_usize..5,
        bounds in any_bounds(),
    ) {
        let folder = Folder::new();
        let mut log = folder.open().unwrap();
        let mut rooms = ROOMS.map(|room| (key(&log, room), RoomLog::default()));
        for step in steps {
            match step {
                Step::Append { room, kind, size } => {
                    let (key, memory) = &mut rooms[room];
                    let event = append(&log, key, TYPES[kind], size);
                    prop_assert_eq!(event.seq, Some(memory.top() + 1));
                    memory.append(event, usize::MAX, &mut |_| {});
                }
                Step::Remove { room } => {
                    let (key, memory) = &mut rooms[room];
                    if let Some(oldest) = memory.evict_oldest() {
                        remove(&folder, &log, key, oldest);
                    }
                }
                Step::Delete { room } => {
                    let (done, outcome) = mpsc::channel();
                    let before = rooms[room].0.clone();
                    log.delete_room(before.clone(), false, Box::new(move |outcome| done.send(outcome).unwrap()));
                    prop_assert_eq!(outcome.recv().unwrap(), Ok(true));
                    let lost = block_on(log.since(before.clone(), 0, 0, Arc::new(|_| true), ALL)).unwrap();
                    prop_assert_eq!(lost, Replay::Lost);
                    rooms[room] = (key(&log, ROOMS[room]), RoomLog::default());
                    prop_assert_ne!(&rooms[room].0, &before);
                }
                Step::Close => {
                    close(log);
                    log = folder.open().unwrap();
                }
                Step::Kill => {
                    folder.kill(log);
                    log = folder.open().unwrap();
                }
            }
        }
        for (room, (before, memory)) in ROOMS.iter().zip(&rooms) {
            prop_assert_eq!(&key(&log, room), before);
            compare(&log, before, memory, mask, per_type, bounds);
        }
        close(log);
    }
}

#[test]
fn after_a_power_failure_the_epochs_differ_and_what_is_left_is_a_prefix() {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + 4096;
    let folder = Folder::new();
    let log = folder.open().unwrap();
    let room = key(&log, "a");
    let all: Vec<_> = (0..8).map(|size| append(&log, &room, "line", size)).collect();
    let remains = folder.remains();
    close(log);
    let frames = (remains.log.len() - HEADER) / FRAME;
    assert!(frames >= 8, "{frames}");
    for (cut, reboots) in (0..=frames).flat_map(|cut| [(cut, true), (cut, false)]) {
        let mut left = remains.clone();
        left.log.truncate(HEADER + cut * FRAME);
        folder.restore(&left);
        let boot_id = if reboots { "another boot" } else { "boot" };
        let log = folder
            .settings()
            .with_boot_id(Some(boot_id.to_owned()))
            .start(1 << 20)
            .unwrap();
        let now = key(&log, "a");
        assert_eq!(now.epoch != room.epoch, reboots, "{cut} frames");
        let page = block_on(log.page(now.clone(), "line".into(), u64::MAX, 100, ALL)).unwrap();
        let kept: Vec<_> = page.events.into_iter().rev().collect();
        assert_eq!(kept[..], all[..kept.len()], "{cut} frames");
        assert!(cut < frames || kept.len() == all.len(), "{cut} frames");
        if reboots {
            let replay = block_on(log.since(room.clone(), 0, 8, Arc::new(|_| true), ALL)).unwrap();
            assert_eq!(replay, Replay::Lost, "the epoch of before");
        }
        assert_eq!(append(&log, &now, "line", 1).seq, Some(kept.len() as u64 + 1));
        close(log);
    }
}
