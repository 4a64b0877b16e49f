//! What the hooks that store history elsewhere are handed.

use crate::event::EventMessage;
use crate::id::{EventName, RoomId};

/// Events that memory no longer keeps: what `on_history_evicted` is handed, to be stored elsewhere.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EvictedHistory {
    /// The room they happened in.
    pub room_id: RoomId,
    /// The incarnation of the room that they were numbered in. A room that is made anew, or of a server that has restarted,
    /// has another epoch and numbers from 1 again.
    pub epoch: String,
    /// What they all are.
    pub event: EventName,
    /// The events, oldest first. A batch may come again after a failure: store what is not there yet, by `room_id`, `epoch`
    /// and `seq`.
    pub events: Vec<EventMessage>,
}

/// Which older events are wanted: what `load_history` is asked.
///
/// Numbers are those of the room's present incarnation, `epoch`. Of events that were stored under an earlier one, before a
/// restart for instance, set `seq` to `None` before you return them: they then count as older than all that have a number,
/// and are sorted by their `timestamp`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryQuery {
    /// The room they happened in.
    pub room_id: RoomId,
    /// The room's present incarnation.
    pub epoch: String,
    /// What they are.
    pub event: EventName,
    /// Only events whose `seq` is lower: where memory ends. `None` if memory has none.
    pub before: Option<u64>,
    /// How many of those to pass over, the newest first.
    pub skip: usize,
    /// How many to return at most, the newest first.
    pub limit: usize,
}
