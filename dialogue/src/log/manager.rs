//! The handle on histories: what applications call and what the runtime calls, behind one lock.
//!
//! Owns the lock and the encoding of what is pushed and read by hand. Decoding and dropping happen outside the lock.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::bounds::LogBounds;
use super::event::{Evicted, StoredEvent};
use super::memory::MemoryStore;
use super::page::{LogCursor, LogPage, Reach};
use super::replay::Replay;
use super::store::{LogSize, LogStore};
use crate::event::EventMessage;
use crate::id::{EventName, RoomId};

/// How much a [`HistoryManager`] keeps. A server bounds its manager in bytes, too, by
/// [`Limits::history_bytes`](crate::Limits::history_bytes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryConfig {
    /// How many events of one type are kept in each room, unless the event has its own limit. Default: 100, which is
    /// also what one page of history holds. 0 keeps none.
    pub max_events_per_type: usize,
    /// How many rooms have their events kept; beyond it, the events of the least recently used room are evicted. A
    /// room is used when an event is pushed or its history is read. Default: 1,000. 0 keeps none.
    pub max_rooms: usize,
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
/// Every `Dialogue` has one. Make your own to set how much is kept, or to use it by itself. Each event type in a room
/// has its own limit, so that a chatty type does not push out a quiet one. A cheap clone of shared state; every
/// method holds one short lock.
///
/// Events that you push into a room which a `Dialogue` serves are shown with its history, but are no part of the
/// numbering by which clients recover.
///
/// ```
/// use dialogue::{EventMessage, HistoryConfig, HistoryManager};
/// use serde_json::json;
///
/// let history = HistoryManager::new(HistoryConfig { max_events_per_type: 2, ..Default::default() });
/// for text in ["one", "two", "three"] {
///     let message: EventMessage = serde_json::from_value(json!({
///         "event": "message", "roomId": "chat", "data": { "text": text }, "from": "system", "timestamp": 0,
///     }))?;
///     history.push(&message);
/// }
/// let newest = history.get("chat", "message", 0..1);
/// assert_eq!(newest[0].data["text"], "three");
/// assert_eq!(history.count("chat", "message"), 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct HistoryManager {
    config: HistoryConfig,
    store: Arc<MemoryStore>,
}

impl HistoryManager {
    /// A manager that has kept nothing yet.
    #[must_use]
    pub fn new(config: HistoryConfig) -> Self {
        let store = Arc::new(MemoryStore::new(config.max_rooms));
        Self { config, store }
    }

    /// How much it keeps.
    #[must_use]
    pub fn config(&self) -> &HistoryConfig {
        &self.config
    }

    /// Keeps an event as its room's newest, and returns those evicted for it: of its type beyond
    /// `max_events_per_type`, and all of the least recently used room beyond `max_rooms`.
    ///
    /// They are the caller's to store, also where a `Dialogue` serves from this manager and they are events of its rooms:
    /// [`on_history_evicted`](crate::Builder::on_history_evicted) is handed what the server's own events evict, not these.
    ///
    /// Data nested deeper than 120 levels may be kept but not read back; it is logged and left out then.
    pub fn push(&self, message: &EventMessage<Value>) -> Vec<EventMessage<Value>> {
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

    /// Events of one type, newest first. `range` counts from the newest, which is 0; its end is exclusive, and may be
    /// past the oldest.
    #[must_use]
    pub fn get(&self, room: &str, event: &str, range: Range<usize>) -> Vec<EventMessage<Value>> {
        let Range { start, end } = range;
        let cursor = LogCursor::Index { start, end };
        let page = self.page(room, event, cursor, LogBounds::NONE, |page, _| page);
        decode_all(&page.events)
    }

    /// Every event of a room, of all types together, oldest first.
    #[must_use]
    pub fn all(&self, room: &str) -> Vec<EventMessage<Value>> {
        decode_all(&self.recent(room, &|_| true, None, LogBounds::NONE))
    }

    /// How many events of one type are kept.
    #[must_use]
    pub fn count(&self, room: &str, event: &str) -> usize {
        let cursor = LogCursor::Index { start: 0, end: 0 };
        self.page(room, event, cursor, LogBounds::NONE, |_, reach| reach.count)
    }

    /// The event types of which the room keeps events, in the order in which they were first seen.
    #[must_use]
    pub fn event_names(&self, room: &str) -> Vec<EventName> {
        self.store.event_names(room)
    }

    /// Drops a room's events and returns them, oldest first: they are the caller's, and not handed to
    /// [`on_history_evicted`](crate::Builder::on_history_evicted). Clients that were due any of them are told that they
    /// cannot recover.
    pub fn clear_room(&self, room: &str) -> Vec<EventMessage<Value>> {
        let evicted = self.store.clear(room);
        decode_evicted(&evicted)
    }

    /// Keeps at most `max_bytes` of events, all rooms together, from the next event on. The lowest of several bounds applies.
    pub(crate) fn bound_bytes(&self, max_bytes: usize) {
        self.store.bound_bytes(max_bytes);
    }

    /// Appends an event to a room's log, which keeps at most `limit` events of its type. `take` gets the evicted events, room by
    /// room, before any reader can miss them: a reader finds an event here or where `take` has put it. `take` must not wait
    /// and must not use this manager.
    ///
    /// Numbers are contiguous in a room and start at 1. A number that was skipped counts as lost. A number that is not
    /// above the room's last one begins another incarnation of the room.
    pub(crate) fn append(&self, room: &RoomId, event: StoredEvent, limit: usize, take: impl FnMut(Vec<Evicted>)) {
        self.store.append(room, event, limit, take);
    }

    /// Reads one page of an event type, and gives it to `go_on` together with how far back memory goes. Returns what
    /// `go_on` returns. No event of the room is evicted meanwhile. `go_on` must not wait and must not use this manager.
    ///
    /// A page that may hold an event holds at least one, if there is one, even if that one is larger than the bounds.
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

    /// The newest events of the wanted types, at most `per_type` of each, oldest first. If the bounds do not allow
    /// all of them, the oldest are left out.
    pub(crate) fn recent(
        &self,
        room: &str,
        wanted: &dyn Fn(&str) -> bool,
        per_type: Option<usize>,
        bounds: LogBounds,
    ) -> Vec<StoredEvent> {
        self.store.recent(room, wanted, per_type, bounds)
    }

    /// All events of the wanted types with a number above `seq`. The caller has checked that `seq` belongs to this
    /// incarnation of the room and is not above its last number.
    pub(crate) fn since(&self, room: &str, seq: u64, wanted: &dyn Fn(&str) -> bool, bounds: LogBounds) -> Replay {
        self.store.since(room, seq, wanted, bounds)
    }

    /// Forgets a room that is being deleted, and returns its events, oldest first.
    pub(crate) fn forget_room(&self, room: &str) -> Vec<Evicted> {
        self.store.forget(room)
    }

    /// Evicts every event, room by room, oldest first within a room. `take` gets them as in [`append`](Self::append).
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
