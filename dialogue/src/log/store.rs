//! All rooms' histories: which rooms are kept, and what is still known of those that are not.
//!
//! Owns the bounds that all rooms share, and the eviction of whole rooms. Pure; the lock around it is in [`manager`](super::manager).

use super::bounds::LogBounds;
use super::event::{Evicted, StoredEvent};
use super::page::{LogCursor, LogPage, Reach};
use super::recency::Recency;
use super::replay::Replay;
use super::room_log::RoomLog;
use crate::id::RoomId;

/// How many rooms without events are remembered, for an exact answer to what they have lost. More than the 100,000
/// rooms that one node is built for, at a few hundred bytes each.
const REMEMBERED_ROOMS: usize = 131_072;

/// How much a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LogSize {
    /// Rooms whose events are kept.
    pub(crate) rooms: usize,
    /// Events, in all rooms together.
    pub(crate) events: usize,
    /// Bytes of their texts.
    pub(crate) bytes: usize,
}

/// The histories of all rooms.
#[derive(Debug)]
pub(super) struct Store {
    max_rooms: usize,
    max_bytes: usize,
    max_remembered: usize,
    /// Of the texts of all events.
    bytes: usize,
    /// How many events there are.
    events: usize,
    /// Rooms with events.
    live: Recency<RoomLog>,
    /// Rooms whose events were evicted together: their logs are empty, but tell how far they are forgotten.
    emptied: Recency<RoomLog>,
    /// The highest number in any room that is not even remembered. Such a room cannot be told from one that never
    /// had an event, so that recovery from below this number is refused in both.
    forgotten: u64,
}

impl Store {
    pub(super) fn new(max_rooms: usize) -> Self {
        Self::with_memory(max_rooms, REMEMBERED_ROOMS)
    }

    pub(super) fn with_memory(max_rooms: usize, max_remembered: usize) -> Self {
        Self {
            max_rooms,
            max_bytes: usize::MAX,
            max_remembered,
            bytes: 0,
            events: 0,
            live: Recency::default(),
            emptied: Recency::default(),
            forgotten: 0,
        }
    }

    /// Keeps no more bytes from the next event on.
    pub(super) fn bound_bytes(&mut self, max_bytes: usize) {
        self.max_bytes = self.max_bytes.min(max_bytes);
    }

    /// Adds an event and evicts what goes for it: of its type beyond `limit`, then the least recently used rooms, and if
    /// it is too much for memory even so, the oldest of its own room.
    pub(super) fn append(&mut self, room: &RoomId, stored: StoredEvent, limit: usize) -> Vec<Evicted> {
        let mut evicted = Vec::new();
        self.bytes += stored.body.len();
        self.events += 1;
        let log = match self.live.touch(room) {
            Some(log) => log,
            None => {
                let log = self.emptied.remove(room).map(|(_, log)| log).unwrap_or_default();
                self.live.insert(room.clone(), log)
            }
        };
        log.append(stored, limit, &mut leaving(&mut self.bytes, room, &mut evicted));
        while (self.live.len() > self.max_rooms || (self.bytes > self.max_bytes && self.live.len() > 1))
            && let Some((room, log)) = self.live.pop_oldest()
        {
            self.empty(room, log, &mut evicted);
        }
        while self.bytes > self.max_bytes
            && let Some(entry) = self.live.touch(room).and_then(RoomLog::evict_oldest)
        {
            leaving(&mut self.bytes, room, &mut evicted)(entry);
        }
        self.events -= evicted.len();
        evicted
    }

    /// Evicts a room's events. What it has lost stays known.
    pub(super) fn clear(&mut self, room: &str) -> Vec<Evicted> {
        let mut evicted = Vec::new();
        if let Some((room, log)) = self.live.remove(room) {
            self.empty(room, log, &mut evicted);
        }
        self.events -= evicted.len();
        evicted
    }

    /// Evicts a room's events and forgets the room: its next number may be any.
    pub(super) fn forget(&mut self, room: &str) -> Vec<Evicted> {
        let evicted = self.clear(room);
        self.emptied.remove(room);
        evicted
    }

    /// Evicts everything, room by room, the least recently used first.
    pub(super) fn drain(&mut self) -> Vec<Evicted> {
        let mut evicted = Vec::new();
        while let Some((room, log)) = self.live.pop_oldest() {
            self.empty(room, log, &mut evicted);
        }
        self.events -= evicted.len();
        evicted
    }

    /// How much is kept.
    pub(super) fn size(&self) -> LogSize {
        LogSize {
            rooms: self.live.len(),
            events: self.events,
            bytes: self.bytes,
        }
    }

    /// Reads a room with events, which counts as a use.
    pub(super) fn read(&mut self, room: &str) -> Option<&RoomLog> {
        self.live.touch(room).map(|log| &*log)
    }

    pub(super) fn page(&mut self, room: &str, event: &str, cursor: LogCursor, bounds: LogBounds) -> (LogPage, Reach) {
        self.read(room)
            .map(|log| log.page(event, cursor, bounds))
            .unwrap_or_default()
    }

    pub(super) fn since(&mut self, room: &str, seq: u64, wanted: &dyn Fn(&str) -> bool, bounds: LogBounds) -> Replay {
        if let Some(log) = self.read(room) {
            return log.since(seq, wanted, bounds);
        }
        match self.emptied.peek(room) {
            Some(log) => log.since(seq, wanted, bounds),
            None if self.forgotten > seq => Replay::Lost,
            None => Replay::Complete(Vec::new()),
        }
    }

    fn empty(&mut self, room: RoomId, mut log: RoomLog, evicted: &mut Vec<Evicted>) {
        log.evict_all(&mut leaving(&mut self.bytes, &room, evicted));
        if log.is_blank() {
            return;
        }
        self.emptied.insert(room, log);
        while self.emptied.len() > self.max_remembered
            && let Some((_, log)) = self.emptied.pop_oldest()
        {
            self.forgotten = self.forgotten.max(log.top());
        }
    }
}

/// What is done with each event that leaves a room: it is counted out, and listed.
fn leaving(bytes: &mut usize, room: &RoomId, evicted: &mut Vec<Evicted>) -> impl FnMut(StoredEvent) {
    |entry| {
        *bytes -= entry.body.len();
        evicted.push(Evicted {
            room: room.clone(),
            entry,
        });
    }
}
