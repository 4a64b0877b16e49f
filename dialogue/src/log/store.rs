//! The trait that every store of logs implements, and its contract.
//!
//! `tests/laws.rs` compares stores with a model. Test a new store by adding it there.

use bytes::Bytes;
use std::sync::Arc;

use super::bounds::LogBounds;
use super::event::{Evicted, StoredEvent};
use super::page::{LogCursor, LogPage, Reach};
use super::replay::Replay;
use crate::id::{EventName, RoomId};

/// Keeps the logs of rooms. No call waits for a disk or a network.
///
/// **Numbers** are contiguous in a room and start at 1. A number that was skipped counts as lost. A number that is not
/// above the room's last one begins another incarnation of the room.
///
/// **Use.** A room is used when an event is appended to it, or when its log is read. A full store evicts the events of
/// the least recently used room.
///
/// **Eviction.** `take` gets evicted events room by room, oldest first, under the lock of that room's log.
/// [`page`](Self::page) calls its own closure under the same lock. A reader therefore finds an event either in the
/// store or where `take` has put it. Closures must not wait, and must not call the store.
///
/// **Recovery.** [`since`](Self::since) never says that an answer is complete when an event might be missing.
pub(super) trait LogStore {
    /// Appends an event to a room's log, which keeps at most `limit` events of its type.
    fn append(&self, room: &RoomId, event: StoredEvent, limit: usize, take: impl FnMut(Vec<Evicted>));

    /// Reads one page of an event type, passes it to `go_on` with how far back the log goes, and returns the result.
    ///
    /// If the cursor wants any event and there is one, the page has at least one, even if it is larger than the bounds.
    fn page<T>(
        &self,
        room: &str,
        event: &str,
        cursor: LogCursor,
        bounds: LogBounds,
        go_on: impl FnOnce(LogPage, Reach) -> T,
    ) -> T;

    /// The newest events of each type, at most `per_type`, oldest first. If the bounds do not allow all of them, the
    /// oldest are left out.
    fn recent(&self, room: &str, per_type: &dyn Fn(&str) -> usize, bounds: LogBounds) -> Vec<StoredEvent>;

    /// All events of the wanted types with a number above `seq`. The caller has checked that `seq` belongs to this
    /// incarnation of the room and is not above its last number.
    fn since(&self, room: &str, seq: u64, wanted: &dyn Fn(&str) -> bool, bounds: LogBounds) -> Replay;

    /// Replaces the texts of events of a room. `with` returns the new text, or `None` to keep the old one; it must not wait.
    /// Returns the changed events, types in no order. Does not count as a use of the room.
    fn replace(&self, room: &str, with: &dyn Fn(&StoredEvent) -> Option<Bytes>) -> Vec<StoredEvent>;

    /// The rooms that keep events, in no order.
    fn rooms(&self) -> Vec<RoomId>;

    /// All events of a room, oldest first. Does not use the room.
    fn peek(&self, room: &str) -> Vec<StoredEvent>;

    /// The types of the kept events, in the order in which they first appeared.
    fn event_names(&self, room: &str) -> Vec<EventName>;

    /// Evicts a room's events and returns them, oldest first. The store remembers that the room has lost them.
    fn clear(&self, room: &str) -> Vec<Evicted>;

    /// Evicts a room's events, returns them, oldest first, and forgets the room. The next append may have any number.
    fn forget(&self, room: &str) -> Vec<Evicted>;

    /// Remembers a room that is idle from now on. Its log stays as it is, until the store has to forget the room.
    fn retire(&self, room: &RoomId, idle: Remembered);

    /// The incarnation of a room that has been idle, and its last number.
    fn remembered(&self, room: &str) -> Option<Remembered>;

    /// Evicts all events, the least recently used room first.
    fn drain(&self, take: impl FnMut(Vec<Evicted>));

    /// How much the store keeps now.
    fn size(&self) -> LogSize;
}

/// What a store remembers of an idle room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// The room's incarnation.
    pub(crate) epoch: Arc<str>,
    /// The highest number that the room has used. 0 if it has used none.
    pub(crate) top: u64,
}

/// How much a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LogSize {
    /// Rooms whose events are kept.
    pub(crate) rooms: usize,
    /// Events of all rooms together.
    pub(crate) events: usize,
    /// Bytes of their texts.
    pub(crate) bytes: usize,
}
