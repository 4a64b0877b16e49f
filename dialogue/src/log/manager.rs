//! The handle of the logs, for applications and for the runtime.
//!
//! Owns the configuration, and the encoding and decoding of events that applications push and read. The store in
//! [`memory`](super::memory) keeps the events. Nothing is encoded or decoded under its locks.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::bounds::LogBounds;
use super::durable::StoredWindow;
use super::event::{Evicted, StoredEvent};
use super::memory::MemoryStore;
use super::page::{LogCursor, LogPage, Reach};
use super::replay::Replay;
use super::store::{LogSize, LogStore, Remembered};
use crate::event::EventMessage;
use crate::id::{EventName, RoomId};

/// How much a [`HistoryManager`] keeps. A server also bounds the bytes of its manager, by
/// [`Limits::history_bytes`](crate::Limits::history_bytes).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryConfig {
    /// How many events of one type each room keeps, unless the event has its own limit. Default: 100, which is also the
    /// size of one page of history. 0 keeps none.
    pub max_events_per_type: usize,
    /// How many rooms keep their events. Beyond that, the events of the least recently used room are evicted. A room
    /// is used when an event is pushed or its history is read. Default: 1,000. 0 keeps none.
    pub max_rooms: usize,
}

impl HistoryConfig {
    /// Sets [`max_events_per_type`](Self#structfield.max_events_per_type).
    #[must_use]
    pub fn with_max_events_per_type(mut self, max_events_per_type: usize) -> Self {
        self.max_events_per_type = max_events_per_type;
        self
    }

    /// Sets [`max_rooms`](Self#structfield.max_rooms).
    #[must_use]
    pub fn with_max_rooms(mut self, max_rooms: usize) -> Self {
        self.max_rooms = max_rooms;
        self
    }
}

impl Default for HistoryConfig {
    fn default() -> Self {
        Self {
            max_events_per_type: 100,
            max_rooms: 1_000,
        }
    }
}

/// Keeps the latest events of rooms in memory.
///
/// Every `Dialogue` has one. Create your own to set how much is kept, or to use it alone. Each event type in a room has
/// its own limit, so that a chatty type does not push out a quiet one. Clones are cheap and share their state. Every
/// room has a lock of its own, so rooms do not wait for each other.
///
/// You may push events into a room that a `Dialogue` serves. Clients see them in the room's history, but these events
/// have no number, so clients do not recover them.
///
/// The methods that read or write events are `async`. This manager keeps everything in memory, so they wait for nothing.
///
/// # Cancel safety
///
/// Each of these methods does all of its work when its future is first polled.
///
/// ```
/// use dialogue::EventMessage;
/// use dialogue::history::{HistoryConfig, HistoryManager};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), serde_json::Error> {
/// let history = HistoryManager::new(HistoryConfig::default().with_max_events_per_type(2));
/// for text in ["one", "two", "three"] {
///     let message: EventMessage = serde_json::from_value(json!({
///         "event": "message", "roomId": "chat", "data": { "text": text }, "from": "system", "timestamp": 0,
///     }))?;
///     history.push(&message).await;
/// }
/// let newest = history.get("chat", "message", 0..1).await;
/// assert_eq!(newest[0].data["text"], "three");
/// assert_eq!(history.count("chat", "message").await, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HistoryManager {
    config: HistoryConfig,
    store: Arc<MemoryStore>,
}

impl HistoryManager {
    /// Creates an empty manager.
    #[must_use]
    pub fn new(config: HistoryConfig) -> Self {
        let store = Arc::new(MemoryStore::new(config.max_rooms));
        Self { config, store }
    }

    /// The manager's configuration.
    #[must_use]
    pub fn config(&self) -> &HistoryConfig {
        &self.config
    }

    /// Keeps an event as the newest of its room, and returns the events that it evicts: events of its type beyond
    /// `max_events_per_type`, and all events of the least recently used room beyond `max_rooms`.
    ///
    /// Store the returned events yourself, even if a `Dialogue` serves from this manager and they belong to its rooms:
    /// [`on_history_evicted`](crate::Builder::on_history_evicted) only receives events that the server's own events
    /// evict.
    ///
    /// Data nested deeper than 120 levels may be kept but cannot be read back. Reading it logs an error and leaves it
    /// out.
    pub async fn push(&self, message: &EventMessage<Value>) -> Vec<EventMessage<Value>> {
        let Some(body) = encode(message) else {
            return Vec::new();
        };
        let stored = StoredEvent {
            event: message.event.clone(),
            seq: None,
            body,
        };
        let limit = self.config.max_events_per_type;
        let mut evicted = Vec::new();
        let take = |more: Vec<Evicted>| evicted.extend(more);
        self.append(&message.room_id, stored, limit, take);
        decode_evicted(&evicted)
    }

    /// Events of one type, newest first. `range` counts from the newest event, which is 0. Its end is exclusive and may
    /// be beyond the oldest event.
    pub async fn get(&self, room: &str, event: &str, range: Range<usize>) -> Vec<EventMessage<Value>> {
        let Range { start, end } = range;
        let cursor = LogCursor::Index { start, end };
        let page = self.page(room, event, cursor, LogBounds::NONE, |page, _| page);
        decode_all(&page.events)
    }

    /// All events of a room, of every type, oldest first.
    pub async fn all(&self, room: &str) -> Vec<EventMessage<Value>> {
        decode_all(&self.recent(room, &|_| usize::MAX, LogBounds::NONE))
    }

    /// How many events of one type are kept.
    pub async fn count(&self, room: &str, event: &str) -> usize {
        self.kept(room, event)
    }

    /// How many events of one type this process keeps.
    pub(crate) fn kept(&self, room: &str, event: &str) -> usize {
        let cursor = LogCursor::Index { start: 0, end: 0 };
        self.page(room, event, cursor, LogBounds::NONE, |_, reach| reach.count)
    }

    /// The types of the events that the room keeps, in the order in which they first appeared.
    pub async fn event_names(&self, room: &str) -> Vec<EventName> {
        self.store.event_names(room)
    }

    /// Evicts a room's events and returns them, oldest first. Store them yourself:
    /// [`on_history_evicted`](crate::Builder::on_history_evicted) does not receive them. A client that missed any of
    /// them cannot recover, and learns of the gap.
    pub async fn clear_room(&self, room: &str) -> Vec<EventMessage<Value>> {
        let evicted = self.store.clear(room);
        decode_evicted(&evicted)
    }

    /// Keeps at most `max_bytes` of events, all rooms together, from the next event on. The lowest of several bounds
    /// applies.
    pub(crate) fn bound_bytes(&self, max_bytes: usize) {
        self.store.bound_bytes(max_bytes);
    }

    /// Appends an event to a room's log, which keeps at most `limit` events of its type. `take` gets the evicted events
    /// room by room. A reader finds an event either here or where `take` has put it. `take` must not wait, and must not
    /// use this manager.
    ///
    /// Numbers are contiguous in a room and start at 1. A number that was skipped counts as lost. A number that is not
    /// above the room's last one begins another incarnation of the room.
    pub(crate) fn append(&self, room: &RoomId, event: StoredEvent, limit: usize, take: impl FnMut(Vec<Evicted>)) {
        self.store.append(room, event, limit, take);
    }

    /// Reads one page of an event type, passes it to `go_on` with how far back memory goes, and returns the result. No
    /// event of the room is evicted meanwhile. `go_on` must not wait, and must not use this manager.
    ///
    /// If the cursor wants any event and there is one, the page has at least one, even if it is larger than the bounds.
    pub(crate) fn page<T>(
        &self,
        room: &str,
        event: &str,
        cursor: LogCursor,
        bounds: LogBounds,
        go_on: impl FnOnce(LogPage, Reach) -> T,
    ) -> T {
        self.store.page(room, event, cursor, bounds, go_on)
    }

    /// The newest events of each type, at most `per_type`, oldest first. If the bounds do not allow all of them, the
    /// oldest are left out.
    pub(crate) fn recent(&self, room: &str, per_type: &dyn Fn(&str) -> usize, bounds: LogBounds) -> Vec<StoredEvent> {
        self.store.recent(room, per_type, bounds)
    }

    /// Begins a room's log with the newest events of a durable log. `take` gets the events that this evicts.
    pub(crate) fn restore(&self, room: &RoomId, window: StoredWindow, take: impl FnMut(Vec<Evicted>)) {
        self.store.restore(room, window, take);
    }

    /// Makes this the window on a durable log: what it does not know of a room is lost here, and not missing.
    pub(crate) fn be_window(&self) {
        self.store.be_window();
    }

    /// Whether the newest `per_type` events of each type are here, as far as they exist anywhere. For a room whose log
    /// was [restored](Self::restore).
    pub(crate) fn has_newest(&self, room: &str, per_type: &dyn Fn(&str) -> usize) -> bool {
        self.store.has_newest(room, per_type)
    }

    /// Whether there are events of a type that are older than those here. For a room whose log was
    /// [restored](Self::restore).
    pub(crate) fn has_older(&self, room: &str, event: &str) -> bool {
        self.store.has_older(room, event)
    }

    /// All events of the wanted types with a number above `seq`. The caller has checked that `seq` belongs to this
    /// incarnation of the room and is not above its last number.
    pub(crate) fn since(&self, room: &str, seq: u64, wanted: &dyn Fn(&str) -> bool, bounds: LogBounds) -> Replay {
        self.store.since(room, seq, wanted, bounds)
    }

    /// Remembers a room that is idle from now on. Its numbers and events stay, within the bounds. Events that are evicted from
    /// now on name its incarnation.
    pub(crate) fn retire_room(&self, room: &RoomId, idle: Remembered) {
        self.store.retire(room, idle);
    }

    /// What is remembered of a room that has been idle. `None` if it never was, or if it was forgotten.
    pub(crate) fn remembered(&self, room: &str) -> Option<Remembered> {
        self.store.remembered(room)
    }

    /// Replaces the texts of a room's events for which `with` has another one. Returns them as they are now, types in no
    /// order. `with` must not wait.
    pub(crate) fn replace(&self, room: &str, with: &dyn Fn(&StoredEvent) -> Option<Bytes>) -> Vec<StoredEvent> {
        self.store.replace(room, with)
    }

    /// The rooms that keep events, in no order.
    pub(crate) fn rooms(&self) -> Vec<RoomId> {
        self.store.rooms()
    }

    /// All events of a room, oldest first. Does not use the room.
    pub(crate) fn peek(&self, room: &str) -> Vec<StoredEvent> {
        self.store.peek(room)
    }

    /// Removes the events of a type up to the number `through`: a store that outlives the process has removed them.
    pub(crate) fn remove_through(&self, room: &str, event: &str, through: u64) {
        self.store.remove_through(room, event, through);
    }

    /// Forgets a room that is being deleted, and returns its events, oldest first.
    pub(crate) fn forget_room(&self, room: &str) -> Vec<Evicted> {
        self.store.forget(room)
    }

    /// Evicts all events, the least recently used room first. `take` gets them as in [`append`](Self::append).
    pub(crate) fn drain_all(&self, take: impl FnMut(Vec<Evicted>)) {
        self.store.drain(take);
    }

    /// How much is kept, all rooms together. Takes no lock.
    pub(crate) fn size(&self) -> LogSize {
        self.store.size()
    }
}

impl Default for HistoryManager {
    fn default() -> Self {
        Self::new(HistoryConfig::default())
    }
}

impl fmt::Debug for HistoryManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoryManager")
            .field("config", &self.config)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

fn encode(message: &EventMessage<Value>) -> Option<Bytes> {
    serde_json::to_vec(message)
        .inspect_err(|error| tracing::error!(event = %message.event, %error, "cannot keep an event that is no JSON"))
        .ok()
        .map(Bytes::from)
}

fn decode_all(events: &[StoredEvent]) -> Vec<EventMessage<Value>> {
    events.iter().filter_map(StoredEvent::decode).collect()
}

fn decode_evicted(evicted: &[Evicted]) -> Vec<EventMessage<Value>> {
    evicted.iter().filter_map(|evicted| evicted.entry.decode()).collect()
}
