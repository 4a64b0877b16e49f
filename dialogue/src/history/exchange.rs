//! What the hooks that store history elsewhere are handed.

use super::StoredEvent;
use crate::event::EventMessage;
use crate::id::{EventName, RoomId};

/// Events that memory no longer keeps: what `on_history_evicted` is handed, to be stored elsewhere.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EvictedHistory {
    /// The room they happened in.
    pub room_id: RoomId,
    /// What they all are.
    pub event: EventName,
    /// The events, oldest first. A batch may come again after a failure; `room_id` and `seq`, with the room's epoch in
    /// case it is deleted and made anew, tell what has been stored already.
    pub events: Vec<EventMessage>,
}

/// Which older events are wanted: what `load_history` is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryQuery {
    /// The room they happened in.
    pub room_id: RoomId,
    /// What they are.
    pub event: EventName,
    /// Only events whose `seq` is lower: where memory ends. `None` if memory has none.
    pub before: Option<u64>,
    /// How many of those to pass over, the newest first.
    pub skip: usize,
    /// How many to return at most, the newest first.
    pub limit: usize,
}

impl StoredEvent {
    /// Whether both are the same event of a room.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.event == other.event && self.seq == other.seq && self.body == other.body
    }
}
