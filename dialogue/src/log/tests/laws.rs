//! Compares the memory store with the model and with the reference.

use bytes::Bytes;
use proptest::prelude::*;

use super::model::*;
use super::reference::Reference;
use super::{append_to, drain, page_of};
use crate::id::RoomId;
use crate::log::memory::MemoryStore;
use crate::log::store::{LogSize, LogStore};
use crate::log::{Evicted, LogBounds, LogCursor, LogPage, Remembered, Replay, StoredEvent};

/// Appends the next event of a room to the store and to the model, and compares the evicted events.
fn append(store: &MemoryStore, model: &mut Model, room: &'static str, kind: usize, size: usize) {
    let (name, limit) = TYPES[kind];
    let seq = model.next_seq(room);
    let event = stored(name, Some(seq), vec![b'x'; size]);
    let evicted = model.append(room, event.clone(), limit);
    assert_eq!(append_to(store, &room.into(), event, limit), evicted);
}

/// Another text for the event with this number.
fn with(seq: u64, size: usize) -> impl Fn(&StoredEvent) -> Option<Bytes> {
    move |event| (event.seq == Some(seq)).then(|| vec![b'y'; size].into())
}

/// A store's answer to a step.
#[derive(Debug, PartialEq)]
enum Answer {
    Evicted(Vec<Evicted>),
    Page(LogPage, usize, Option<u64>),
    Events(Vec<StoredEvent>),
    Replay(Replay),
    Remembered(Option<Remembered>),
}

/// What is known of a room whose last number is `top` when it becomes idle.
fn idle(room: &str, top: u64) -> Remembered {
    let epoch = room.into();
    Remembered { epoch, top }
}

/// How many events of each type are wanted.
fn counts(wanted: u8, per_type: Option<usize>) -> impl Fn(&str) -> usize {
    move |name| match wants(wanted, name) {
        true => per_type.unwrap_or(usize::MAX),
        false => 0,
    }
}

/// Takes a step. `tops` are the last numbers of the rooms.
fn answer(store: &impl LogStore, step: &Step, tops: &mut [u64; ROOMS.len()]) -> Answer {
    match *step {
        Step::Append { room, kind, size } => {
            tops[room] += 1;
            let (name, limit) = TYPES[kind];
            let event = stored(name, Some(tops[room]), vec![b'x'; size]);
            Answer::Evicted(append_to(store, &ROOMS[room].into(), event, limit))
        }
        Step::Push { room, kind } => {
            let (name, limit) = TYPES[kind];
            let event = stored(name, None, "by hand");
            Answer::Evicted(append_to(store, &ROOMS[room].into(), event, limit))
        }
        Step::Page {
            room,
            kind,
            cursor,
            bounds,
        } => store.page(ROOMS[room], TYPES[kind].0, cursor, bounds, |page, reach| {
            Answer::Page(page, reach.count, reach.lowest)
        }),
        Step::Recent {
            room,
            wanted,
            per_type,
            bounds,
        } => Answer::Events(store.recent(ROOMS[room], &counts(wanted, per_type), bounds)),
        Step::Since {
            room,
            seq,
            wanted,
            bounds,
        } => Answer::Replay(store.since(ROOMS[room], seq, &|name| wants(wanted, name), bounds)),
        Step::Replace { room, seq, size } => Answer::Events(store.replace(ROOMS[room], &with(seq, size))),
        Step::Clear { room } => Answer::Evicted(store.clear(ROOMS[room])),
        Step::Forget { room } => {
            tops[room] = 0;
            Answer::Evicted(store.forget(ROOMS[room]))
        }
        Step::Retire { room } => {
            store.retire(&ROOMS[room].into(), idle(ROOMS[room], tops[room]));
            Answer::Remembered(None)
        }
        Step::Remembered { room } => Answer::Remembered(store.remembered(ROOMS[room])),
    }
}

fn sorted(mut rooms: Vec<RoomId>) -> Vec<RoomId> {
    rooms.sort();
    rooms
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_store_answers_like_the_model(
        max_bytes in prop_oneof![Just(usize::MAX), 0_usize..80],
        steps in prop::collection::vec(any_step(), 1..80),
    ) {
        let store = MemoryStore::new(MAX_ROOMS);
        store.bound_bytes(max_bytes);
        let mut model = Model::bounded(max_bytes);
        for step in steps {
            match step {
                Step::Append { room, kind, size } => append(&store, &mut model, ROOMS[room], kind, size),
                Step::Push { room, kind } => {
                    let (name, limit) = TYPES[kind];
                    let event = stored(name, None, "by hand");
                    let evicted = model.append(ROOMS[room], event.clone(), limit);
                    prop_assert_eq!(append_to(&store, &ROOMS[room].into(), event, limit), evicted);
                }
                Step::Page { room, kind, cursor, bounds } => {
                    let (room, (name, _)) = (ROOMS[room], TYPES[kind]);
                    model.touch(room);
                    let page = page_of(&store, room, name, cursor, bounds);
                    prop_assert_eq!(page, model.page(room, name, cursor, bounds));
                }
                Step::Recent { room, wanted, per_type, bounds } => {
                    let room = ROOMS[room];
                    model.touch(room);
                    let recent = store.recent(room, &counts(wanted, per_type), bounds);
                    prop_assert_eq!(recent, model.recent(room, wanted, per_type, bounds));
                }
                Step::Since { room, seq, wanted, bounds } => {
                    let room = ROOMS[room];
                    model.touch(room);
                    let recovery = store.since(room, seq, &|name| wants(wanted, name), bounds);
                    prop_assert_eq!(recovery, model.since(room, seq, wanted, bounds));
                }
                Step::Replace { room, seq, size } => {
                    let replaced = store.replace(ROOMS[room], &with(seq, size));
                    prop_assert_eq!(replaced, model.replace(ROOMS[room], seq, size));
                }
                Step::Clear { room } => prop_assert_eq!(store.clear(ROOMS[room]), model.clear(ROOMS[room])),
                Step::Forget { room } => prop_assert_eq!(store.forget(ROOMS[room]), model.forget(ROOMS[room])),
                Step::Retire { room } => {
                    store.retire(&ROOMS[room].into(), idle(ROOMS[room], model.next_seq(ROOMS[room]) - 1));
                    model.retire(ROOMS[room]);
                }
                Step::Remembered { room } => {
                    prop_assert_eq!(store.remembered(ROOMS[room]), model.remembered(ROOMS[room]));
                }
            }
        }
        for room in ROOMS {
            prop_assert_eq!(store.peek(room), model.kept(room).cloned().collect::<Vec<_>>());
        }
        let kept: Vec<_> = model.used.clone().into_iter().flat_map(|room| model.clear(room)).collect();
        prop_assert_eq!(drain(&store), kept);
        prop_assert_eq!(drain(&store), Vec::new());
    }

    #[test]
    fn the_store_answers_like_one_with_a_single_lock(
        max_rooms in 0_usize..5,
        max_bytes in prop_oneof![Just(usize::MAX), 0_usize..80],
        max_remembered in 0_usize..4,
        steps in prop::collection::vec(any_step(), 1..80),
    ) {
        let store = MemoryStore::with_memory(max_rooms, max_remembered);
        let reference = Reference::with_memory(max_rooms, max_remembered);
        store.bound_bytes(max_bytes);
        reference.bound_bytes(max_bytes);
        let mut tops = [0; ROOMS.len()];
        for step in steps {
            prop_assert_eq!(answer(&store, &step, &mut tops.clone()), answer(&reference, &step, &mut tops));
            prop_assert_eq!(store.size(), reference.size());
            prop_assert_eq!(store.size(), store.recount());
            prop_assert_eq!(sorted(store.rooms()), sorted(reference.rooms()));
        }
        prop_assert_eq!(drain(&store), drain(&reference));
        prop_assert_eq!(store.size(), LogSize::default());
        for room in ROOMS {
            for seq in 0..30 {
                let replay = store.since(room, seq, &|_| true, LogBounds::NONE);
                prop_assert_eq!(replay, reference.since(room, seq, &|_| true, LogBounds::NONE));
            }
        }
    }

    #[test]
    fn a_store_that_forgot_rooms_never_claims_to_recover_lost_events(
        steps in prop::collection::vec((0..ROOMS.len(), 0..TYPES.len(), 0_u64..20, 0_u8..8), 1..80),
    ) {
        let store = MemoryStore::with_memory(MAX_ROOMS, 1);
        let mut model = Model::default();
        for (room, kind, seq, wanted) in steps {
            append(&store, &mut model, ROOMS[room], kind, 1);
            for room in ROOMS {
                // The question uses the room. Using all rooms in their former order undoes that, so that rooms are
                // still evicted.
                let before = model.used.clone();
                let recovery = store.since(room, seq, &|name| wants(wanted, name), LogBounds::NONE);
                for used in before {
                    store.recent(used, &|_| 0, LogBounds::NONE);
                }
                if let Replay::Complete(_) = recovery {
                    prop_assert_eq!(recovery, model.since(room, seq, wanted, LogBounds::NONE));
                }
            }
        }
    }

    #[test]
    fn pages_by_number_neither_skip_nor_repeat_while_events_arrive(
        kinds in prop::collection::vec(0..TYPES.len(), 1..30),
        limits in prop::collection::vec((1_usize..4, 0_usize..3), 1..12),
        bytes in 0_usize..40,
    ) {
        let store = MemoryStore::new(MAX_ROOMS);
        let mut model = Model::default();
        for kind in kinds {
            append(&store, &mut model, "a", kind, 10);
        }
        let (name, _) = TYPES[2];
        let ever: Vec<u64> = model.log("a").iter().rev().filter(|(event, _)| event.event == *name)
            .filter_map(|(event, _)| event.seq).collect();
        let mut read: Vec<u64> = Vec::new();
        for (limit, arriving) in limits {
            let seq = read.last().copied().unwrap_or(u64::MAX);
            let bounds = LogBounds { events: 100, bytes };
            let page = page_of(&store, "a", name, LogCursor::Before { seq, limit }, bounds);
            read.extend(page.events.iter().filter_map(|event| event.seq));
            let older = model.kept("a").any(|event| event.event == *name && event.seq < read.last().copied());
            prop_assert_eq!(page.more, older);
            prop_assert_eq!(&read[..], &ever[..read.len()]);
            if ever.is_empty() {
                break;
            }
            for _ in 0..arriving {
                append(&store, &mut model, "a", 2, 10);
            }
        }
    }
}

#[test]
fn a_number_that_was_skipped_counts_as_lost() {
    let store = MemoryStore::new(1);
    let room = RoomId::from("a");
    append_to(&store, &room, stored("plain", Some(1), "1"), 9);
    append_to(&store, &room, stored("plain", Some(3), "3"), 9);
    assert_eq!(store.since("a", 1, &|_| true, LogBounds::NONE), Replay::Lost);
    let three = vec![stored("plain", Some(3), "3")];
    assert_eq!(store.since("a", 2, &|_| true, LogBounds::NONE), Replay::Complete(three));
}

#[test]
fn a_number_that_does_not_rise_starts_a_new_incarnation() {
    let store = MemoryStore::new(1);
    let room = RoomId::from("a");
    let (old, new) = (stored("plain", Some(1), "old"), stored("plain", Some(1), "new"));
    append_to(&store, &room, old.clone(), 9);
    let evicted = append_to(&store, &room, new.clone(), 9);
    assert_eq!(
        evicted,
        vec![Evicted {
            room,
            epoch: None,
            entry: old
        }]
    );
    assert_eq!(
        store.since("a", 0, &|_| true, LogBounds::NONE),
        Replay::Complete(vec![new])
    );
}

#[test]
fn an_event_larger_than_a_page_is_a_page_of_its_own() {
    let store = MemoryStore::new(1);
    let room = RoomId::from("a");
    append_to(&store, &room, stored("plain", Some(1), "small"), 9);
    append_to(&store, &room, stored("plain", Some(2), "a large one"), 9);
    let bounds = LogBounds { events: 9, bytes: 5 };
    let page = page_of(&store, "a", "plain", LogCursor::Index { start: 0, end: 9 }, bounds);
    assert_eq!(page.events, vec![stored("plain", Some(2), "a large one")]);
    assert!(page.more);
}

#[test]
fn a_hundred_thousand_rooms_recover_exactly_with_a_thousand_in_memory() {
    const COUNT: usize = 100_000;
    let store = MemoryStore::new(1_000);
    for number in 0..COUNT {
        append_to(
            &store,
            &RoomId::from(format!("room-{number}")),
            stored("plain", Some(1), "x"),
            1,
        );
    }
    assert_eq!(store.since("room-0", 0, &|_| true, LogBounds::NONE), Replay::Lost);
    assert_eq!(
        store.since("room-0", 1, &|_| true, LogBounds::NONE),
        Replay::Complete(Vec::new())
    );
    assert_eq!(drain(&store).len(), 1_000);
}

#[test]
fn an_event_without_a_number_does_not_hide_lost_events_of_a_forgotten_room() {
    let store = MemoryStore::with_memory(1, 0);
    let (room, other) = (RoomId::from("a"), RoomId::from("b"));
    append_to(&store, &room, stored("plain", Some(1), "1"), 9);
    append_to(&store, &other, stored("plain", Some(1), "1"), 9);
    append_to(&store, &room, stored("plain", None, "by hand"), 9);
    assert_eq!(store.since("a", 0, &|_| true, LogBounds::NONE), Replay::Lost);
}

#[test]
fn a_new_room_recovers_from_its_start_after_others_were_forgotten() {
    let store = MemoryStore::with_memory(1, 0);
    let (old, new) = (RoomId::from("a"), RoomId::from("b"));
    for seq in 1..9 {
        append_to(&store, &old, stored("plain", Some(seq), "old"), 9);
    }
    let event = stored("plain", Some(1), "new");
    append_to(&store, &new, event.clone(), 9);
    append_to(&store, &old, stored("plain", Some(9), "old"), 9);
    append_to(&store, &RoomId::from("c"), event.clone(), 9);
    assert_eq!(
        store.since("c", 0, &|_| true, LogBounds::NONE),
        Replay::Complete(vec![event])
    );
}

#[test]
fn a_room_that_is_idle_again_after_it_was_forgotten_goes_on_with_its_numbers_and_has_lost_its_events() {
    let store = MemoryStore::with_memory(1, 0);
    let (room, other) = (RoomId::from("a"), RoomId::from("b"));
    append_to(&store, &room, stored("plain", Some(1), "1"), 9);
    append_to(&store, &other, stored("plain", Some(1), "1"), 9);
    append_to(&store, &room, stored("plain", None, "by hand"), 9);
    store.retire(&room, idle("a", 1));
    assert_eq!(store.remembered("a"), Some(idle("a", 1)));
    assert_eq!(store.since("a", 0, &|_| true, LogBounds::NONE), Replay::Lost);
    append_to(&store, &room, stored("plain", Some(2), "2"), 9);
    let two = vec![stored("plain", Some(2), "2")];
    assert_eq!(store.since("a", 1, &|_| true, LogBounds::NONE), Replay::Complete(two));
}
