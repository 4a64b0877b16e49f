//! The memory store, used by several threads at once.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use parking_lot::Mutex;

use super::drain;
use super::model::stored;
use crate::id::RoomId;
use crate::log::memory::MemoryStore;
use crate::log::store::{LogSize, LogStore};
use crate::log::{Evicted, LogBounds, LogCursor, Replay};

const ROOMS: usize = 12;
const MAX_ROOMS: usize = 4;
const MAX_BYTES: usize = 600;
/// The most events that each room keeps.
const LIMIT: usize = 9;
const THREADS: u64 = 4;
const STEPS: usize = 15_000;

/// The runtime's side of a room, under the room's lock.
#[derive(Default)]
struct Room {
    /// The last number.
    top: u64,
    /// The last number of the earlier incarnations.
    base: u64,
}

/// The numbers of all evicted events, by room.
#[derive(Default)]
struct Archive(Mutex<BTreeMap<RoomId, BTreeSet<u64>>>);

impl Archive {
    fn take(&self, evicted: Vec<Evicted>) {
        let mut rooms = self.0.lock();
        for Evicted { room, entry, .. } in evicted {
            let number = entry.seq.expect("a numbered event");
            let is_new = rooms.entry(room.clone()).or_default().insert(number);
            assert!(is_new, "event {number} of {room} was evicted twice");
        }
    }

    /// The numbers of a room from `first` on.
    fn numbers(&self, room: &str, first: u64) -> BTreeSet<u64> {
        let rooms = self.0.lock();
        let numbers = rooms.get(room).into_iter();
        numbers.flat_map(|all| all.range(first..).copied()).collect()
    }
}

struct World {
    store: MemoryStore,
    archive: Archive,
    rooms: Vec<(RoomId, Mutex<Room>)>,
}

impl World {
    fn new() -> Self {
        let store = MemoryStore::with_memory(MAX_ROOMS, 3);
        store.bound_bytes(MAX_BYTES);
        let rooms = (0..ROOMS).map(|number| (RoomId::from(format!("room-{number}")), Mutex::default()));
        Self {
            store,
            archive: Archive::default(),
            rooms: rooms.collect(),
        }
    }

    /// Takes one step, chosen by a random number.
    fn step(&self, random: u64) {
        let (id, room) = &self.rooms[(random >> 8) as usize % ROOMS];
        let size = (random >> 16) as usize % 40;
        match random % 64 {
            0 => {
                let _room = room.lock();
                self.archive.take(self.store.clear(id));
            }
            1 => {
                let mut room = room.lock();
                self.archive.take(self.store.forget(id));
                room.base = room.top;
            }
            2 if size == 0 => self.store.drain(|evicted| self.archive.take(evicted)),
            3..=24 => self.read(id, &room.lock()),
            _ => {
                let mut room = room.lock();
                room.top += 1;
                let event = stored("event", Some(room.top), vec![b'x'; size]);
                self.store
                    .append(id, event, LIMIT, |evicted| self.archive.take(evicted));
            }
        }
    }

    /// Checks that every event is either in memory or in the archive, and that a replay is complete or refused.
    fn read(&self, id: &RoomId, room: &Room) {
        // Older events have left memory for good.
        let first = room.top.saturating_sub(40).max(1);
        let everything = LogCursor::Index {
            start: 0,
            end: usize::MAX,
        };
        let (kept, archived) = self.store.page(id, "event", everything, LogBounds::NONE, |page, _| {
            let kept: Vec<u64> = page.events.iter().filter_map(|event| event.seq).collect();
            (kept, self.archive.numbers(id, first))
        });
        let both: BTreeSet<u64> = kept.iter().copied().chain(archived.iter().copied()).collect();
        assert_eq!(both, (first..=room.top).collect(), "every event is in one of the two");
        assert_eq!(both.len(), kept.len() + archived.len(), "no event is in both");
        for since in room.base.max(first)..=room.top {
            if let Replay::Complete(events) = self.store.since(id, since, &|_| true, LogBounds::NONE) {
                let numbers: Vec<u64> = events.iter().filter_map(|event| event.seq).collect();
                assert_eq!(numbers, (since + 1..=room.top).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn threads_keep_the_bounds_and_lose_no_event() {
    let world = World::new();
    thread::scope(|scope| {
        for thread in 1..=THREADS {
            let world = &world;
            scope.spawn(move || {
                let mut random = thread.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                for _ in 0..STEPS {
                    // Xorshift.
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    world.step(random >> 3);
                }
            });
        }
    });
    let size = world.store.size();
    assert_eq!(size, world.store.recount());
    assert!(size.rooms <= MAX_ROOMS && size.bytes <= MAX_BYTES, "{size:?}");
    for (id, room) in &world.rooms {
        world.read(id, &room.lock());
    }
    world.archive.take(drain(&world.store));
    assert_eq!(world.store.size(), LogSize::default());
    for (id, room) in &world.rooms {
        assert_eq!(world.archive.numbers(id, 1), (1..=room.lock().top).collect());
    }
}
