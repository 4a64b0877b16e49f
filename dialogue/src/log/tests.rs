//! Histories held against a model that forgets nothing and only marks what is gone.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::store::Store;
use super::*;
use crate::event::EventMessage;
use crate::id::{EventName, RoomId};

const ROOMS: [&str; 4] = ["a", "b", "c", "d"];
/// Event types with the limits that they are kept by.
const TYPES: [(&str, usize); 3] = [("rare", 1), ("plain", 3), ("chatty", 6)];
const MAX_ROOMS: usize = 2;

#[derive(Debug, Clone)]
enum Step {
    Append {
        room: usize,
        kind: usize,
        size: usize,
    },
    Push {
        room: usize,
        kind: usize,
    },
    Page {
        room: usize,
        kind: usize,
        cursor: LogCursor,
        bounds: LogBounds,
    },
    Recent {
        room: usize,
        wanted: u8,
        per_type: Option<usize>,
        bounds: LogBounds,
    },
    Since {
        room: usize,
        seq: u64,
        wanted: u8,
        bounds: LogBounds,
    },
    Clear {
        room: usize,
    },
    Forget {
        room: usize,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    let room = 0..ROOMS.len();
    let kind = 0..TYPES.len();
    let cursor = prop_oneof![
        (0_usize..8, 0_usize..9).prop_map(|(start, end)| LogCursor::Index { start, end }),
        (0_u64..30, 0_usize..8).prop_map(|(seq, limit)| LogCursor::Before { seq, limit }),
    ];
    prop_oneof![
        20 => (room.clone(), kind.clone(), 1_usize..12)
            .prop_map(|(room, kind, size)| Step::Append { room, kind, size }),
        1 => (room.clone(), kind.clone()).prop_map(|(room, kind)| Step::Push { room, kind }),
        4 => (room.clone(), kind, cursor, any_bounds())
            .prop_map(|(room, kind, cursor, bounds)| Step::Page { room, kind, cursor, bounds }),
        3 => (room.clone(), 0_u8..8, prop::option::of(0_usize..5), any_bounds())
            .prop_map(|(room, wanted, per_type, bounds)| Step::Recent { room, wanted, per_type, bounds }),
        6 => (room.clone(), 0_u64..30, 0_u8..8, any_bounds())
            .prop_map(|(room, seq, wanted, bounds)| Step::Since { room, seq, wanted, bounds }),
        1 => room.clone().prop_map(|room| Step::Clear { room }),
        1 => room.prop_map(|room| Step::Forget { room }),
    ]
}

fn any_bounds() -> impl Strategy<Value = LogBounds> {
    prop_oneof![
        Just(LogBounds::NONE),
        (0_usize..8, 0_usize..60).prop_map(|(events, bytes)| LogBounds { events, bytes }),
    ]
}

/// Every event that ever was, with whether it is still kept.
struct Model {
    max_bytes: usize,
    rooms: BTreeMap<&'static str, Vec<(StoredEvent, bool)>>,
    /// The rooms that have events, the least recently used first.
    used: Vec<&'static str>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            max_bytes: usize::MAX,
            rooms: BTreeMap::new(),
            used: Vec::new(),
        }
    }
}

impl Model {
    /// Of all that is kept.
    fn bytes(&self) -> usize {
        let kept = self.rooms.keys().flat_map(|room| self.kept(room));
        kept.map(|event| event.body.len()).sum()
    }

    fn next_seq(&self, room: &str) -> u64 {
        let last = self.log(room).iter().filter_map(|(event, _)| event.seq).max();
        last.unwrap_or(0) + 1
    }

    fn log(&self, room: &str) -> &[(StoredEvent, bool)] {
        self.rooms.get(room).map_or(&[], Vec::as_slice)
    }

    fn kept<'a>(&'a self, room: &str) -> impl DoubleEndedIterator<Item = &'a StoredEvent> {
        self.log(room).iter().filter(|(_, kept)| *kept).map(|(event, _)| event)
    }

    fn touch(&mut self, room: &'static str) {
        if let Some(at) = self.used.iter().position(|used| *used == room) {
            self.used.remove(at);
            self.used.push(room);
        }
    }

    fn append(&mut self, room: &'static str, event: StoredEvent, limit: usize) -> Vec<Evicted> {
        let name = event.event.clone();
        let log = self.rooms.entry(room).or_default();
        log.push((event, true));
        if !self.used.contains(&room) {
            self.used.push(room);
        }
        self.touch(room);
        let mut evicted = Vec::new();
        let log = self.rooms.entry(room).or_default();
        while log.iter().filter(|(event, kept)| *kept && event.event == name).count() > limit {
            let oldest = log
                .iter_mut()
                .find(|(event, kept)| *kept && event.event == name)
                .unwrap();
            oldest.1 = false;
            evicted.push(Evicted {
                room: room.into(),
                entry: oldest.0.clone(),
            });
        }
        while self.used.len() > MAX_ROOMS || (self.bytes() > self.max_bytes && self.used.len() > 1) {
            evicted.extend(self.clear(self.used[0]));
        }
        while self.bytes() > self.max_bytes {
            let log = self.rooms.entry(room).or_default();
            let oldest = log.iter_mut().find(|(_, kept)| *kept).unwrap();
            oldest.1 = false;
            evicted.push(Evicted {
                room: room.into(),
                entry: oldest.0.clone(),
            });
        }
        evicted
    }

    fn clear(&mut self, room: &'static str) -> Vec<Evicted> {
        self.used.retain(|used| *used != room);
        let log = self.rooms.entry(room).or_default();
        log.iter_mut()
            .filter(|(_, kept)| *kept)
            .map(|(event, kept)| {
                *kept = false;
                Evicted {
                    room: room.into(),
                    entry: event.clone(),
                }
            })
            .collect()
    }

    fn forget(&mut self, room: &'static str) -> Vec<Evicted> {
        let evicted = self.clear(room);
        self.rooms.remove(room);
        evicted
    }

    fn page(&self, room: &str, name: &str, cursor: LogCursor, bounds: LogBounds) -> LogPage {
        let newest_first: Vec<_> = self.kept(room).rev().filter(|event| event.event == *name).collect();
        let (due, limit): (Vec<_>, usize) = match cursor {
            LogCursor::Index { start, end } => (
                newest_first.into_iter().skip(start).collect(),
                end.saturating_sub(start),
            ),
            LogCursor::Before { seq, limit } => (
                newest_first
                    .into_iter()
                    .filter(|event| event.seq.is_some_and(|number| number < seq))
                    .collect(),
                limit,
            ),
        };
        let within = longest_prefix(&due, bounds).max(1).min(limit).min(due.len());
        LogPage {
            events: due[..within].iter().copied().cloned().collect(),
            more: due.len() > within,
        }
    }

    fn recent(&self, room: &str, wanted: u8, per_type: Option<usize>, bounds: LogBounds) -> Vec<StoredEvent> {
        let mut counts = BTreeMap::new();
        let newest: Vec<_> = self
            .kept(room)
            .rev()
            .filter(|event| {
                let count = counts.entry(event.event.clone()).or_insert(0_usize);
                *count += 1;
                wants(wanted, &event.event) && per_type.is_none_or(|limit| *count <= limit)
            })
            .collect();
        let within = longest_prefix(&newest, bounds);
        newest[..within].iter().rev().copied().cloned().collect()
    }

    fn since(&self, room: &str, seq: u64, wanted: u8, bounds: LogBounds) -> Replay {
        let due: Vec<_> = self
            .log(room)
            .iter()
            .filter(|(event, _)| wants(wanted, &event.event) && event.seq.is_some_and(|number| number > seq))
            .collect();
        let events: Vec<_> = due.iter().map(|(event, _)| event).collect();
        if due.iter().any(|(_, kept)| !kept) || longest_prefix(&events, bounds) < due.len() {
            return Replay::Lost;
        }
        Replay::Complete(events.into_iter().cloned().collect())
    }
}

fn longest_prefix(events: &[&StoredEvent], bounds: LogBounds) -> usize {
    let fits = |count: &usize| {
        *count <= bounds.events && events[..*count].iter().map(|event| event.body.len()).sum::<usize>() <= bounds.bytes
    };
    (0..=events.len()).take_while(fits).last().unwrap_or(0)
}

fn wants(wanted: u8, name: &str) -> bool {
    TYPES
        .iter()
        .position(|(known, _)| *known == name)
        .is_some_and(|kind| wanted & (1 << kind) != 0)
}

fn stored(name: &str, seq: Option<u64>, body: impl Into<Bytes>) -> StoredEvent {
    StoredEvent {
        event: name.into(),
        seq,
        body: body.into(),
    }
}

/// Appends the next event of a room to the store and to the model, and compares what they evict.
fn append(store: &mut Store, model: &mut Model, room: &'static str, kind: usize, size: usize) {
    let (name, limit) = TYPES[kind];
    let seq = model.next_seq(room);
    let event = stored(name, Some(seq), vec![b'x'; size]);
    let evicted = model.append(room, event.clone(), limit);
    assert_eq!(store.append(&room.into(), event, limit), evicted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn histories_answer_as_the_model_does(
        max_bytes in prop_oneof![Just(usize::MAX), 0_usize..80],
        steps in prop::collection::vec(any_step(), 1..80),
    ) {
        let mut store = Store::new(MAX_ROOMS);
        store.bound_bytes(max_bytes);
        let mut model = Model { max_bytes, ..Model::default() };
        for step in steps {
            match step {
                Step::Append { room, kind, size } => append(&mut store, &mut model, ROOMS[room], kind, size),
                Step::Push { room, kind } => {
                    let (name, limit) = TYPES[kind];
                    let event = stored(name, None, "by hand");
                    let evicted = model.append(ROOMS[room], event.clone(), limit);
                    prop_assert_eq!(store.append(&ROOMS[room].into(), event, limit), evicted);
                }
                Step::Page { room, kind, cursor, bounds } => {
                    let (room, (name, _)) = (ROOMS[room], TYPES[kind]);
                    model.touch(room);
                    let (page, _) = store.page(room, name, cursor, bounds);
                    prop_assert_eq!(page, model.page(room, name, cursor, bounds));
                }
                Step::Recent { room, wanted, per_type, bounds } => {
                    let room = ROOMS[room];
                    model.touch(room);
                    let recent = store
                        .read(room)
                        .map(|log| log.recent(&|name| wants(wanted, name), per_type, bounds))
                        .unwrap_or_default();
                    prop_assert_eq!(recent, model.recent(room, wanted, per_type, bounds));
                }
                Step::Since { room, seq, wanted, bounds } => {
                    let room = ROOMS[room];
                    model.touch(room);
                    let recovery = store.since(room, seq, &|name| wants(wanted, name), bounds);
                    prop_assert_eq!(recovery, model.since(room, seq, wanted, bounds));
                }
                Step::Clear { room } => prop_assert_eq!(store.clear(ROOMS[room]), model.clear(ROOMS[room])),
                Step::Forget { room } => prop_assert_eq!(store.forget(ROOMS[room]), model.forget(ROOMS[room])),
            }
        }
        let kept: Vec<_> = model.used.clone().into_iter().flat_map(|room| model.clear(room)).collect();
        prop_assert_eq!(store.drain(), kept);
        prop_assert_eq!(store.drain(), Vec::new());
    }

    #[test]
    fn a_store_that_has_forgotten_rooms_still_never_claims_to_recover_what_is_gone(
        steps in prop::collection::vec((0..ROOMS.len(), 0..TYPES.len(), 0_u64..20, 0_u8..8), 1..80),
    ) {
        let mut store = Store::with_memory(MAX_ROOMS, 1);
        let mut model = Model::default();
        for (room, kind, seq, wanted) in steps {
            append(&mut store, &mut model, ROOMS[room], kind, 1);
            for room in ROOMS {
                // Asking is a use; using all in the former order undoes it, so that rooms go on being evicted.
                let before = model.used.clone();
                let recovery = store.since(room, seq, &|name| wants(wanted, name), LogBounds::NONE);
                for used in before {
                    store.read(used);
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
        let mut store = Store::new(MAX_ROOMS);
        let mut model = Model::default();
        for kind in kinds {
            append(&mut store, &mut model, "a", kind, 10);
        }
        let (name, _) = TYPES[2];
        let ever: Vec<u64> = model.log("a").iter().rev().filter(|(event, _)| event.event == *name)
            .filter_map(|(event, _)| event.seq).collect();
        let mut read: Vec<u64> = Vec::new();
        for (limit, arriving) in limits {
            let seq = read.last().copied().unwrap_or(u64::MAX);
            let bounds = LogBounds { events: 100, bytes };
            let (page, _) = store.page("a", name, LogCursor::Before { seq, limit }, bounds);
            read.extend(page.events.iter().filter_map(|event| event.seq));
            let older = model.kept("a").any(|event| event.event == *name && event.seq < read.last().copied());
            prop_assert_eq!(page.more, older);
            prop_assert_eq!(&read[..], &ever[..read.len()]);
            if ever.is_empty() {
                break;
            }
            for _ in 0..arriving {
                append(&mut store, &mut model, "a", 2, 10);
            }
        }
    }
}

#[test]
fn a_number_that_was_skipped_counts_as_lost() {
    let mut store = Store::new(1);
    let room = RoomId::from("a");
    store.append(&room, stored("plain", Some(1), "1"), 9);
    store.append(&room, stored("plain", Some(3), "3"), 9);
    assert_eq!(store.since("a", 1, &|_| true, LogBounds::NONE), Replay::Lost);
    let three = vec![stored("plain", Some(3), "3")];
    assert_eq!(store.since("a", 2, &|_| true, LogBounds::NONE), Replay::Complete(three));
}

#[test]
fn a_number_that_does_not_rise_begins_the_room_afresh() {
    let mut store = Store::new(1);
    let room = RoomId::from("a");
    let (old, new) = (stored("plain", Some(1), "old"), stored("plain", Some(1), "new"));
    store.append(&room, old.clone(), 9);
    let evicted = store.append(&room, new.clone(), 9);
    assert_eq!(evicted, vec![Evicted { room, entry: old }]);
    assert_eq!(
        store.since("a", 0, &|_| true, LogBounds::NONE),
        Replay::Complete(vec![new])
    );
}

#[test]
fn an_event_larger_than_a_page_is_a_page_of_its_own() {
    let mut store = Store::new(1);
    let room = RoomId::from("a");
    store.append(&room, stored("plain", Some(1), "small"), 9);
    store.append(&room, stored("plain", Some(2), "a large one"), 9);
    let bounds = LogBounds { events: 9, bytes: 5 };
    let (page, _) = store.page("a", "plain", LogCursor::Index { start: 0, end: 9 }, bounds);
    assert_eq!(page.events, vec![stored("plain", Some(2), "a large one")]);
    assert!(page.more);
}

#[test]
fn a_hundred_thousand_rooms_recover_exactly_with_a_thousand_in_memory() {
    const COUNT: usize = 100_000;
    let mut store = Store::new(1_000);
    for number in 0..COUNT {
        store.append(
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
    assert_eq!(store.drain().len(), 1_000);
}

fn message(room: &str, event: &str, number: u64) -> EventMessage<Value> {
    serde_json::from_value(json!({
        "event": event, "roomId": room, "data": { "number": number }, "from": "ada", "timestamp": 7,
        "meta": { "trace": "t" }, "seq": number,
    }))
    .unwrap()
}

#[test]
fn the_manager_gives_back_what_was_pushed() {
    let history = HistoryManager::new(HistoryConfig {
        max_events_per_type: 2,
        ..HistoryConfig::default()
    });
    let [first, second, third] = [1, 2, 3].map(|number| message("chat", "message", number));
    let typing = message("chat", "typing", 4);
    assert_eq!(history.push(&first), Vec::new());
    assert_eq!(history.push(&second), Vec::new());
    assert_eq!(history.push(&typing), Vec::new());
    assert_eq!(history.push(&third), vec![first]);

    assert_eq!(
        history.get("chat", "message", 0..9),
        vec![third.clone(), second.clone()]
    );
    assert_eq!(history.get("chat", "message", 1..2), vec![second.clone()]);
    assert_eq!(history.get("nowhere", "message", 0..9), Vec::new());
    let all = vec![second, typing, third];
    assert_eq!(history.all("chat"), all);
    assert_eq!(history.count("chat", "message"), 2);
    assert_eq!(history.event_names("chat"), ["message", "typing"]);

    assert_eq!(history.clone().clear_room("chat"), all);
    assert_eq!(history.count("chat", "message"), 0);
    assert_eq!(history.event_names("chat"), Vec::<EventName>::new());
}

#[test]
fn the_manager_evicts_the_room_used_least_recently() {
    let history = HistoryManager::new(HistoryConfig {
        max_rooms: 2,
        ..HistoryConfig::default()
    });
    let [a, b, c] = ["a", "b", "c"].map(|room| message(room, "message", 1));
    history.push(&a);
    history.push(&b);
    assert_eq!(history.count("a", "message"), 1, "reading is a use");
    assert_eq!(history.push(&c), vec![b]);
    assert_eq!(history.all("a"), vec![a]);
}
