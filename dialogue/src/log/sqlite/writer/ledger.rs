//! What the writer's thread remembers between transactions: last numbers, types, counters. Everything that a
//! transaction has changed here is forgotten when it is rolled back.

use std::sync::Arc;

use indexmap::IndexMap;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension};

use super::clock::{EventClock, KeyClock};
use super::count::{KeyBounds, KeyCount};
use crate::id::{EventName, RoomId};
use crate::log::sqlite::identity::Identity;

/// How many rooms are remembered. Each takes about 200 bytes. The last number of another room is read from the file.
const ROOMS: usize = 16_384;

/// How many types are remembered.
const TYPES: usize = 4_096;

pub(super) struct Ledger {
    pub(super) identity: Arc<Identity>,
    /// The handle of the writer has it too.
    pub(super) event_clock: Arc<Mutex<EventClock>>,
    pub(super) key_clock: KeyClock,
    /// The time of the transaction's keys.
    pub(super) key_time: i64,
    pub(super) rooms: Bounded<RoomId, KnownRoom>,
    types: Bounded<EventName, i64>,
    /// What the transaction changes in `types`, by `types.id`.
    changed: IndexMap<i64, Kept>,
    /// The bytes of all events, as committed.
    bytes: i64,
    /// The rows in `keys`, as committed.
    keys: KeyCount,
    new_keys: i64,
    replaced_keys: i64,
    /// The rows in `forgotten`, about: a transaction that is rolled back leaves its own changes here.
    pub(super) forgotten: i64,
    /// Deleted incarnations whose events are still in the file.
    pub(super) deleted: Vec<i64>,
    newly_deleted: Vec<i64>,
    /// A transaction may have been stored without an answer, so the counters have to be read again.
    is_uncertain: bool,
}

/// The present incarnation of a room that has a row.
#[derive(Debug, Clone)]
pub(super) struct KnownRoom {
    /// `rooms.id`
    pub(super) row: i64,
    /// As clients know it.
    pub(super) epoch: Arc<str>,
    pub(super) last: i64,
}

/// How much is kept, or how much it changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) bytes: i64,
    pub(super) events: i64,
}

impl Ledger {
    /// `wall` is the time of the machine, in milliseconds since 1970.
    pub(super) fn load(connection: &Connection, identity: Arc<Identity>, wall: i64) -> rusqlite::Result<Self> {
        let last_event = number(connection, "SELECT at FROM events ORDER BY id DESC LIMIT 1")?;
        let last_time = number(connection, "SELECT clock FROM meta")?.max(last_event);
        let last_key = number(connection, "SELECT max(at) FROM keys")?;
        let key_clock = KeyClock::new(last_key);
        let mut ledger = Self {
            identity,
            event_clock: Arc::new(Mutex::new(EventClock::new(last_time, wall))),
            key_clock,
            key_time: key_clock.start_of_run(),
            rooms: Bounded::new(ROOMS),
            types: Bounded::new(TYPES),
            changed: IndexMap::new(),
            bytes: 0,
            keys: KeyCount::default(),
            new_keys: 0,
            replaced_keys: 0,
            forgotten: 0,
            deleted: Vec::new(),
            newly_deleted: Vec::new(),
            is_uncertain: true,
        };
        ledger.make_certain(connection)?;
        Ok(ledger)
    }

    /// Reads the counters again, if a transaction may have been stored without an answer.
    pub(super) fn make_certain(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !self.is_uncertain {
            return Ok(());
        }
        self.bytes = number(connection, "SELECT sum(bytes) FROM types")?.unwrap_or(0);
        let keys = number(connection, "SELECT count(*) FROM keys")?.unwrap_or(0);
        self.keys.set(keys, self.key_time);
        self.forgotten = number(connection, "SELECT count(*) FROM forgotten")?.unwrap_or(0);
        let mut deleted = connection.prepare("SELECT id FROM rooms WHERE name IS NULL")?;
        self.deleted = deleted.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        self.is_uncertain = false;
        Ok(())
    }

    /// The row of a type, which is made if there is none.
    pub(super) fn type_row(&mut self, connection: &Connection, event: &EventName) -> rusqlite::Result<i64> {
        if let Some((_, row)) = self.types.get(event) {
            return Ok(*row);
        }
        let mut select = connection.prepare_cached("SELECT id FROM types WHERE name = ?1")?;
        let found = select.query_row([event.as_str()], |row| row.get(0)).optional()?;
        let row = match found {
            Some(row) => row,
            None => {
                let mut insert = connection.prepare_cached("INSERT INTO types (name) VALUES (?1)")?;
                insert.execute([event.as_str()])?;
                connection.last_insert_rowid()
            }
        };
        self.types.insert(event.clone(), row);
        Ok(row)
    }

    /// Notes that the transaction changes what is kept of a type.
    pub(super) fn change_kept(&mut self, of: i64, by: Kept) {
        let changed = self.changed.entry(of).or_default();
        changed.bytes += by.bytes;
        changed.events += by.events;
    }

    pub(super) fn change_keys(&mut self, by: i64) {
        self.new_keys += by;
    }

    /// Notes that a key has replaced an old one.
    pub(super) fn replace_key(&mut self) {
        self.replaced_keys += 1;
    }

    /// Notes that a counter is wrong, so that the next transaction reads all of them again.
    pub(super) fn doubt(&mut self) {
        self.is_uncertain = true;
    }

    /// Forgets a room that the transaction deletes. Its events are removed later.
    pub(super) fn forget_room(&mut self, id: &RoomId, row: i64) {
        self.rooms.remove(id);
        self.newly_deleted.push(row);
    }

    /// Writes what the transaction changes in `types`.
    pub(super) fn write_kept(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let mut update =
            connection.prepare_cached("UPDATE types SET bytes = bytes + ?2, events = events + ?3 WHERE id = ?1")?;
        for (of, by) in &self.changed {
            update.execute((of, by.bytes, by.events))?;
        }
        Ok(())
    }

    pub(super) fn committed(&mut self) {
        self.bytes += self.changed.drain(..).map(|(_, by)| by.bytes).sum::<i64>();
        self.keys.change(std::mem::take(&mut self.new_keys), self.key_time);
        self.keys.renew(std::mem::take(&mut self.replaced_keys), self.key_time);
        self.deleted.append(&mut self.newly_deleted);
    }

    /// Forgets what may not be in the file. `is_certain` says that it is not.
    pub(super) fn rolled_back(&mut self, is_certain: bool) {
        self.is_uncertain |= !is_certain;
        self.rooms.clear();
        self.types.clear();
        self.changed.clear();
        self.new_keys = 0;
        self.replaced_keys = 0;
        self.newly_deleted.clear();
    }

    /// The number of this run.
    pub(super) fn run(&self) -> i64 {
        self.identity.run.cast_signed()
    }

    pub(super) fn bytes(&self) -> i64 {
        self.bytes
    }

    /// How many keys have to be dropped, at this time.
    pub(super) fn excess_keys(&mut self, now: i64, bounds: KeyBounds) -> i64 {
        self.keys.excess(now, bounds)
    }
}

fn number(connection: &Connection, sql: &str) -> rusqlite::Result<Option<i64>> {
    let number = connection.query_row(sql, [], |row| row.get(0));
    Ok(number.optional()?.flatten())
}

/// A map with a bound. A new entry replaces one of the others, each in its turn.
pub(super) struct Bounded<K, V> {
    map: IndexMap<K, V>,
    bound: usize,
    next: usize,
}

impl<K: std::hash::Hash + Eq, V> Bounded<K, V> {
    fn new(bound: usize) -> Self {
        Self {
            map: IndexMap::new(),
            bound,
            next: 0,
        }
    }

    /// An entry and its place, which is the same until the next insertion or removal.
    pub(super) fn get(&self, key: &K) -> Option<(usize, &V)> {
        self.map.get_full(key).map(|(place, _, value)| (place, value))
    }

    pub(super) fn at_mut(&mut self, place: usize) -> Option<&mut V> {
        self.map.get_index_mut(place).map(|(_, value)| value)
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> usize {
        if self.map.len() >= self.bound && !self.map.contains_key(&key) {
            self.next = (self.next + 1) % self.map.len();
            self.map.swap_remove_index(self.next);
        }
        self.map.insert_full(key, value).0
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.map.swap_remove(key);
    }

    fn clear(&mut self) {
        self.map.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_map_stays_within_its_bound_and_keeps_the_newest() {
        let mut map = Bounded::new(3);
        for key in 0..100 {
            let place = map.insert(key, key * 2);
            assert_eq!(map.get(&key), Some((place, &(key * 2))));
            assert!(map.map.len() <= 3);
        }
        map.remove(&99);
        assert_eq!(map.get(&99), None);
    }
}
