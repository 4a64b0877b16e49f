//! The memory store: appends to logs and reads them.

use bytes::Bytes;

use super::eviction::Eviction;
use super::rooms::MemoryRooms;
use super::slot::SlotPhase;
use crate::id::{EventName, RoomId};
use crate::log::bounds::LogBounds;
use crate::log::durable::StoredWindow;
use crate::log::event::{Evicted, StoredEvent};
use crate::log::page::{LogCursor, LogPage, Reach};
use crate::log::replay::Replay;
use crate::log::room_log::RoomLog;
use crate::log::store::{LogSize, LogStore, Remembered};

/// The most emptied rooms to remember, so that recovery in them stays exact. This is more than the 100,000 rooms that
/// one node is built for. Each takes a few hundred bytes.
const REMEMBERED_ROOMS: usize = 131_072;

/// Keeps logs in memory.
#[derive(Debug)]
pub(in crate::log) struct MemoryStore {
    rooms: MemoryRooms,
    eviction: Eviction,
}

impl MemoryStore {
    pub(in crate::log) fn new(max_rooms: usize) -> Self {
        Self::with_memory(max_rooms, REMEMBERED_ROOMS)
    }

    /// Creates a store that remembers at most `max_remembered` emptied rooms.
    pub(in crate::log) fn with_memory(max_rooms: usize, max_remembered: usize) -> Self {
        Self {
            rooms: MemoryRooms::new(max_remembered),
            eviction: Eviction::new(max_rooms),
        }
    }

    /// Keeps at most `max_bytes` of events, from the next append on. The lowest of several bounds applies.
    pub(in crate::log) fn bound_bytes(&self, max_bytes: usize) {
        self.eviction.bound_bytes(max_bytes);
    }

    /// Keeps a part of a durable log from now on. A room that is not here may have any number of events there.
    pub(in crate::log) fn be_window(&self) {
        self.rooms.forget_beyond();
    }

    /// Reads a room's log under its lock, which uses the room if it is live. If the store does not know the room,
    /// `read` gets `None`.
    fn read<T>(&self, room: &str, read: impl FnOnce(Option<&RoomLog>) -> T) -> T {
        self.rooms.enter(room, |locked| {
            let Some(locked) = locked else {
                return read(None);
            };
            if locked.state.phase == SlotPhase::Live {
                self.rooms.touch(locked);
            }
            read(Some(&locked.state.log))
        })
    }

    /// Begins a room's log with the newest events of a durable log. `take` gets the events that this evicts.
    pub(in crate::log) fn restore(&self, room: &RoomId, window: StoredWindow, take: impl FnMut(Vec<Evicted>)) {
        self.rooms.enter_live(room, |locked| self.rooms.restore(locked, window));
        self.eviction.enforce(&self.rooms, take);
    }

    /// Removes the events of a type up to the number `through`: a store that outlives this one has removed them.
    pub(in crate::log) fn remove_through(&self, room: &str, event: &str, through: u64) {
        self.rooms.enter(room, |locked| {
            if let Some(locked) = locked {
                self.rooms.remove_through(locked, event, through);
            }
        });
    }

    /// Whether the room's log has the newest `per_type` events of each type, as far as they exist anywhere.
    pub(in crate::log) fn has_newest(&self, room: &str, per_type: &dyn Fn(&str) -> usize) -> bool {
        self.read(room, |log| log.is_some_and(|log| log.has_newest(per_type)))
    }

    /// Whether there are events of a type that are older than those of the room's log.
    pub(in crate::log) fn has_older(&self, room: &str, event: &str) -> bool {
        self.read(room, |log| log.is_none_or(|log| log.has_older(event)))
    }

    #[cfg(test)]
    pub(in crate::log) fn recount(&self) -> LogSize {
        self.rooms.recount()
    }
}

impl LogStore for MemoryStore {
    fn append(&self, room: &RoomId, event: StoredEvent, limit: usize, mut take: impl FnMut(Vec<Evicted>)) {
        self.rooms.enter_live(room, |locked| {
            let evicted = self.rooms.append(locked, event, limit);
            if !evicted.is_empty() {
                take(evicted);
            }
        });
        self.eviction.enforce(&self.rooms, take);
    }

    fn page<T>(
        &self,
        room: &str,
        event: &str,
        cursor: LogCursor,
        bounds: LogBounds,
        go_on: impl FnOnce(LogPage, Reach) -> T,
    ) -> T {
        self.read(room, |log| {
            let (page, reach) = log.map(|log| log.page(event, cursor, bounds)).unwrap_or_default();
            go_on(page, reach)
        })
    }

    fn recent(&self, room: &str, per_type: &dyn Fn(&str) -> usize, bounds: LogBounds) -> Vec<StoredEvent> {
        self.read(room, |log| {
            log.map(|log| log.recent(per_type, bounds)).unwrap_or_default()
        })
    }

    fn since(&self, room: &str, seq: u64, wanted: &dyn Fn(&str) -> bool, bounds: LogBounds) -> Replay {
        self.read(room, |log| match log {
            Some(log) => log.since(seq, wanted, bounds),
            None => self.rooms.unknown_log().since(seq, wanted, bounds),
        })
    }

    fn replace(&self, room: &str, with: &dyn Fn(&StoredEvent) -> Option<Bytes>) -> Vec<StoredEvent> {
        self.rooms.enter(room, |locked| match locked {
            Some(locked) => self.rooms.replace(locked, with),
            None => Vec::new(),
        })
    }

    fn rooms(&self) -> Vec<RoomId> {
        self.rooms.live()
    }

    fn peek(&self, room: &str) -> Vec<StoredEvent> {
        self.rooms.enter(room, |locked| match locked {
            Some(locked) => locked.state.log.recent(&|_| usize::MAX, LogBounds::NONE),
            None => Vec::new(),
        })
    }

    fn event_names(&self, room: &str) -> Vec<EventName> {
        self.read(room, |log| {
            log.map(|log| log.event_names().cloned().collect()).unwrap_or_default()
        })
    }

    fn clear(&self, room: &str) -> Vec<Evicted> {
        let evicted = self.rooms.enter(room, |locked| match locked {
            Some(locked) => self.rooms.empty(locked),
            None => Vec::new(),
        });
        self.rooms.bound_memory();
        evicted
    }

    fn forget(&self, room: &str) -> Vec<Evicted> {
        self.rooms.enter(room, |locked| {
            let Some(locked) = locked else {
                return Vec::new();
            };
            let evicted = self.rooms.empty(locked);
            self.rooms.remove(locked);
            evicted
        })
    }

    fn retire(&self, room: &RoomId, idle: Remembered) {
        self.rooms.retire(room, idle);
    }

    fn remembered(&self, room: &str) -> Option<Remembered> {
        self.rooms.enter(room, |locked| {
            let state = &locked?.state;
            let epoch = state.epoch.clone()?;
            let top = state.log.top();
            Some(Remembered { epoch, top })
        })
    }

    fn drain(&self, take: impl FnMut(Vec<Evicted>)) {
        self.eviction.drain(&self.rooms, take);
    }

    fn size(&self) -> LogSize {
        self.rooms.meter.size()
    }
}
