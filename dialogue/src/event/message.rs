//! The envelope that carries an event. Its shape is fixed; only `data` is the application's.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{EventName, RoomId, UserId};

/// An event with everything that Dialogue knows of it. `T` is the event's type, a room's event enum, or
/// [`serde_json::Value`] for any event.
///
/// It serialises as clients see it, in camel case, and reads back: that is how an archive stores and returns events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EventMessage<T = Value> {
    /// The event's name.
    pub event: EventName,
    /// The room it happened in.
    pub room_id: RoomId,
    /// The payload, valid by the event's schema.
    pub data: T,
    /// Who sent it: a user id, or `"system"` for the server.
    pub from: UserId,
    /// When the server accepted it, in milliseconds since the Unix epoch. From the wall clock, so it can step back;
    /// order is told by `seq`.
    pub timestamp: u64,
    /// Metadata that travels beside the data, unvalidated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Map<String, Value>>,
    /// Its number in the room's history; absent for events without history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}

impl<T> EventMessage<T> {
    /// An event of a room, from `"system"` at time 0 without metadata or number; set what is known of it. For
    /// `load_history` and for tests: what is triggered gets its envelope from the server.
    pub fn new(event: impl Into<EventName>, room_id: impl Into<RoomId>, data: T) -> Self {
        Self {
            event: event.into(),
            room_id: room_id.into(),
            data,
            from: UserId::system(),
            timestamp: 0,
            meta: None,
            seq: None,
        }
    }

    /// The same envelope around other data.
    pub(crate) fn with_data<U>(&self, data: U) -> EventMessage<U> {
        EventMessage {
            event: self.event.clone(),
            room_id: self.room_id.clone(),
            data,
            from: self.from.clone(),
            timestamp: self.timestamp,
            meta: self.meta.clone(),
            seq: self.seq,
        }
    }
}
