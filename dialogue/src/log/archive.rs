//! The arguments of the hooks that archive history: `on_history_evicted`, `on_erased` and `load_history`.

use crate::event::EventMessage;
use crate::id::{EventName, RoomId};

/// Events that memory no longer keeps. The server passes them to `on_history_evicted`, so that the application can
/// store them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EvictedHistory {
    /// The room in which the events were sent.
    pub room_id: RoomId,
    /// The incarnation of the room that numbered the events. A room that is deleted and created again has another epoch
    /// and numbers from 1 again. So does every room after a restart of the server. An on-demand room that was only empty
    /// for a while continues.
    pub epoch: String,
    /// The type of all the events.
    pub event: EventName,
    /// The events, oldest first. With a cluster, one node at a time gets the events that Redis no longer keeps, which it keeps by
    /// number and not by age. Redis keeps up to 10,000 of them in each of its parts until the hook has taken them; more
    /// are dropped, and an error is logged. An event that was erased has [`erased`](EventMessage::erased) set, and no data. The server may repeat a batch after a failure: skip events that are already stored
    /// under the same `room_id`, `epoch` and `seq`.
    pub messages: Vec<EventMessage>,
}

/// Events whose data was erased. The server passes them to `on_erased`, so that the application erases them where it has
/// stored them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErasedHistory {
    /// The room in which the events were sent.
    pub room_id: RoomId,
    /// The incarnation of the room that numbered the events, as in [`EvictedHistory`].
    pub epoch: String,
    /// The type of all the events. `None` if the server does not have the event any more, and so does not know its type.
    pub event: Option<EventName>,
    /// The numbers of the events. An archive may have only some of them, or none.
    pub seqs: Vec<u64>,
}

/// A query for older events, which the server passes to `load_history`.
///
/// Numbers belong to the room's present incarnation, `epoch`. If an event was stored under an earlier one, for instance
/// before a restart, set its `seq` to `None` before you return it. Events without a number count as older than all
/// events with a number, and are sorted by their `timestamp`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryQuery {
    /// The room in which the events were sent.
    pub room_id: RoomId,
    /// The room's present incarnation.
    pub epoch: String,
    /// The type of the wanted events.
    pub event: EventName,
    /// Return only events with a lower `seq`, and events without one: the server has the others, or does not need them.
    /// `None` if there is no such bound. 1 asks for events without a `seq` only.
    pub before: Option<u64>,
    /// How many of these events to skip, the newest first.
    pub skip: usize,
    /// The maximum number of events to return. Return the newest ones.
    pub limit: usize,
}
