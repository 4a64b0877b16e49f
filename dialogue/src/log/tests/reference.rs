//! The reference: a simple store with a single lock, which evicts everything in one step.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::recency::Recency;
use crate::id::{EventName, RoomId};
use crate::log::room_log::RoomLog;
use crate::log::store::{LogSize, LogStore, Remembered};
use crate::log::{Evicted, LogBounds, LogCursor, LogPage, Reach, Replay, StoredEvent};

/// The logs of all rooms, behind one lock.
pub(super) struct Reference(Mutex<Store>);

impl Reference {
    pub(super) fn with_memory(max_rooms: usize, max_remembered: usize) -> Self {
        Self(Mutex::new(Store::with_memory(max_rooms, max_remembered)))
    }

    pub(super) fn bound_bytes(&self, max_bytes: usize) {
        self.0.lock().bound_bytes(max_bytes);
    }
}

impl LogStore for Reference {
    fn append(&self, room: &RoomId, event: StoredEvent, limit: usize, mut take: impl FnMut(Vec<Evicted>)) {
        let mut store = self.0.lock();
        take(store.append(room, event, limit));
    }

    fn page<T>(
        &self,
        room: &str,
        event: &str,
        cursor: LogCursor,
        bounds: LogBounds,
        go_on: impl FnOnce(LogPage, Reach) -> T,
    ) -> T {
        let mut store = self.0.lock();
        let (page, reach) = store.page(room, event, cursor, bounds);
        go_on(page, reach)
    }

    fn recent(&self, room: &str, per_type: &dyn Fn(&str) -> usize, bounds: LogBounds) -> Vec<StoredEvent> {
        let mut store = self.0.lock();
        store
            .read(room)
            .map(|log| log.recent(per_type, bounds))
            .unwrap_or_default()
    }

    fn since(&self, room: &str, seq: u64, wanted: &dyn Fn(&str) -> bool, bounds: LogBounds) -> Replay {
        self.0.lock().since(room, seq, wanted, bounds)
    }

    fn replace(&self, room: &str, with: &dyn Fn(&StoredEvent) -> Option<Bytes>) -> Vec<StoredEvent> {
        self.0.lock().replace(room, with)
    }

    fn rooms(&self) -> Vec<RoomId> {
        self.0.lock().live.rooms().cloned().collect()
    }

    fn peek(&self, room: &str) -> Vec<StoredEvent> {
        let store = self.0.lock();
        let log = store.live.peek(room);
        log.map(|log| log.recent(&|_| usize::MAX, LogBounds::NONE))
            .unwrap_or_default()
    }

    fn event_names(&self, room: &str) -> Vec<EventName> {
        let mut store = self.0.lock();
        store
            .read(room)
            .map(|log| log.event_names().cloned().collect())
            .unwrap_or_default()
    }

    fn clear(&self, room: &str) -> Vec<Evicted> {
        self.0.lock().clear(room)
    }

    fn forget(&self, room: &str) -> Vec<Evicted> {
        self.0.lock().forget(room)
    }

    fn retire(&self, room: &RoomId, idle: Remembered) {
        self.0.lock().retire(room, idle);
    }

    fn remembered(&self, room: &str) -> Option<Remembered> {
        self.0.lock().remembered(room)
    }

    fn drain(&self, mut take: impl FnMut(Vec<Evicted>)) {
        take(self.0.lock().drain());
    }

    fn size(&self) -> LogSize {
        self.0.lock().size()
    }
}

/// The logs of all rooms.
#[derive(Debug)]
struct Store {
    max_rooms: usize,
    max_bytes: usize,
    max_remembered: usize,
    /// The bytes of all events' texts.
    bytes: usize,
    /// Rooms that keep events.
    live: Recency<RoomLog>,
    /// Rooms whose events were all evicted. Their logs are empty, but know how far each type was forgotten.
    emptied: Recency<RoomLog>,
    /// The incarnations of rooms that have been idle, as long as one of the two above has the room.
    epochs: HashMap<RoomId, Arc<str>>,
    /// The highest number in any emptied room that was forgotten. The store cannot tell such a room from one that never
    /// had an event, so it refuses recovery from below this number in both.
    forgotten: u64,
}

impl Store {
    fn with_memory(max_rooms: usize, max_remembered: usize) -> Self {
        Self {
            max_rooms,
            max_bytes: usize::MAX,
            max_remembered,
            bytes: 0,
            live: Recency::default(),
            emptied: Recency::default(),
            epochs: HashMap::new(),
            forgotten: 0,
        }
    }

    /// Keeps at most `max_bytes` of events, from the next append on.
    fn bound_bytes(&mut self, max_bytes: usize) {
        self.max_bytes = self.max_bytes.min(max_bytes);
    }

    /// Appends an event. Evicts the events of its type beyond `limit`, then the least recently used rooms. If that is
    /// not enough, evicts the oldest events of its own room.
    fn append(&mut self, room: &RoomId, stored: StoredEvent, limit: usize) -> Vec<Evicted> {
        let mut evicted = Vec::new();
        self.bytes += stored.body.len();
        let log = match self.live.touch(room) {
            Some(log) => log,
            None => {
                let emptied = self.emptied.remove(room).map(|(_, log)| log);
                let log = emptied.unwrap_or_else(|| RoomLog::beginning_after(self.forgotten));
                self.live.insert(room.clone(), log)
            }
        };
        log.append(
            stored,
            limit,
            &mut leaving(&mut self.bytes, room, self.epochs.get(room), &mut evicted),
        );
        while (self.live.len() > self.max_rooms || (self.bytes > self.max_bytes && self.live.len() > 1))
            && let Some((room, log)) = self.live.pop_oldest()
        {
            self.empty(room, log, &mut evicted);
        }
        while self.bytes > self.max_bytes
            && let Some(entry) = self.live.touch(room).and_then(RoomLog::evict_oldest)
        {
            leaving(&mut self.bytes, room, self.epochs.get(room), &mut evicted)(entry);
        }
        evicted
    }

    /// Replaces texts in a room's log. Returns the replaced events as they are now.
    fn replace(&mut self, room: &str, with: &dyn Fn(&StoredEvent) -> Option<Bytes>) -> Vec<StoredEvent> {
        let (bytes, mut replaced) = (&mut self.bytes, Vec::new());
        if let Some(log) = self.live.peek_mut(room) {
            log.replace(with, &mut |before, now| {
                *bytes = *bytes - before.body.len() + now.body.len();
                replaced.push(now.clone());
            });
        }
        replaced
    }

    /// Evicts a room's events, and remembers that they are lost.
    fn clear(&mut self, room: &str) -> Vec<Evicted> {
        let mut evicted = Vec::new();
        if let Some((room, log)) = self.live.remove(room) {
            self.empty(room, log, &mut evicted);
        }
        evicted
    }

    /// Evicts a room's events and forgets the room. The next append may have any number.
    fn forget(&mut self, room: &str) -> Vec<Evicted> {
        let mut evicted = Vec::new();
        if let Some((room, mut log)) = self.live.remove(room) {
            log.evict_all(&mut leaving(
                &mut self.bytes,
                &room,
                self.epochs.get(&room),
                &mut evicted,
            ));
        }
        self.emptied.remove(room);
        self.epochs.remove(room);
        evicted
    }

    /// Remembers a room that is idle from now on.
    fn retire(&mut self, room: &RoomId, idle: Remembered) {
        self.epochs.insert(room.clone(), idle.epoch);
        if let Some(log) = self.live.peek_mut(room) {
            log.advance_to(idle.top);
            return;
        }
        let emptied = self.emptied.remove(room).map(|(_, log)| log);
        let mut log = emptied.unwrap_or_else(|| RoomLog::beginning_after(self.forgotten));
        log.advance_to(idle.top);
        self.remember(room.clone(), log);
    }

    fn remembered(&self, room: &str) -> Option<Remembered> {
        let epoch = Arc::clone(self.epochs.get(room)?);
        let log = self.live.peek(room).or_else(|| self.emptied.peek(room))?;
        let top = log.top();
        Some(Remembered { epoch, top })
    }

    /// Evicts all events, the least recently used room first.
    fn drain(&mut self) -> Vec<Evicted> {
        let mut evicted = Vec::new();
        while let Some((room, log)) = self.live.pop_oldest() {
            self.empty(room, log, &mut evicted);
        }
        evicted
    }

    /// Finds the log of a live room, which uses the room.
    fn read(&mut self, room: &str) -> Option<&RoomLog> {
        self.live.touch(room).map(|log| &*log)
    }

    fn page(&mut self, room: &str, event: &str, cursor: LogCursor, bounds: LogBounds) -> (LogPage, Reach) {
        self.read(room)
            .map(|log| log.page(event, cursor, bounds))
            .unwrap_or_default()
    }

    fn since(&mut self, room: &str, seq: u64, wanted: &dyn Fn(&str) -> bool, bounds: LogBounds) -> Replay {
        if let Some(log) = self.read(room) {
            return log.since(seq, wanted, bounds);
        }
        match self.emptied.peek(room) {
            Some(log) => log.since(seq, wanted, bounds),
            None if self.forgotten > seq => Replay::Lost,
            None => Replay::Complete(Vec::new()),
        }
    }

    fn size(&self) -> LogSize {
        let logs = self.live.values();
        LogSize {
            rooms: self.live.len(),
            events: logs.map(|log| log.recent(&|_| usize::MAX, LogBounds::NONE).len()).sum(),
            bytes: self.bytes,
        }
    }

    fn empty(&mut self, room: RoomId, mut log: RoomLog, evicted: &mut Vec<Evicted>) {
        log.evict_all(&mut leaving(&mut self.bytes, &room, self.epochs.get(&room), evicted));
        if !log.is_blank() || self.epochs.contains_key(&room) {
            self.remember(room, log);
        }
    }

    fn remember(&mut self, room: RoomId, log: RoomLog) {
        self.emptied.insert(room, log);
        while self.emptied.len() > self.max_remembered
            && let Some((room, log)) = self.emptied.pop_oldest()
        {
            self.epochs.remove(&room);
            self.forgotten = self.forgotten.max(log.top());
        }
    }
}

/// Counts and collects the events that leave a room.
fn leaving(
    bytes: &mut usize,
    room: &RoomId,
    epoch: Option<&Arc<str>>,
    evicted: &mut Vec<Evicted>,
) -> impl FnMut(StoredEvent) {
    move |entry| {
        *bytes -= entry.body.len();
        evicted.push(Evicted {
            room: room.clone(),
            epoch: epoch.cloned(),
            entry,
        });
    }
}
