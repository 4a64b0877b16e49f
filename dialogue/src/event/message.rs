//! The envelope that carries an event. Its shape is fixed; only `data` is the application's.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{EventName, RoomId, UserId};

/// An event with everything that Dialogue knows about it. `T` is the event's type, a room's event enum, or
/// [`serde_json::Value`] for any event.
///
/// It serialises in the form that clients receive, in camel case. It also deserialises, so that an archive can store
/// and return events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EventMessage<T = Value> {
    /// The event's name.
    pub event: EventName,
    /// The room in which it happened.
    pub room_id: RoomId,
    /// The payload. It satisfies the event's schema.
    pub data: T,
    /// The sender: a user id, or `"system"` for the server.
    pub from: UserId,
    /// When the server accepted it, in milliseconds since the Unix epoch. This is wall-clock time and can step back,
    /// so use `seq` for the order.
    pub timestamp: u64,
    /// Metadata that travels next to the data. It is not validated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Map<String, Value>>,
    /// Its number in the room's history. Events without history have no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Whether the event was erased: its data and its metadata are gone, and everything else stays. Only plain JSON shows
    /// such an event, with the data `null`. Typed readers receive no event instead, but
    /// [`Unreadable::Erased`](crate::event::Unreadable::Erased).
    #[serde(default, skip_serializing_if = "is_false")]
    pub erased: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl<T> EventMessage<T> {
    /// Makes an event of a room, from `"system"` at time 0, without metadata or number. Set the fields that you know.
    /// Use it for `load_history` and in tests: triggered events get their envelope from the server.
    pub fn new(event: impl Into<EventName>, room_id: impl Into<RoomId>, data: T) -> Self {
        Self {
            event: event.into(),
            room_id: room_id.into(),
            data,
            from: UserId::system(),
            timestamp: 0,
            meta: None,
            seq: None,
            erased: false,
        }
    }

    /// A copy of this envelope with other data.
    #[cfg(any(feature = "client", feature = "runtime"))]
    pub(crate) fn with_data<U>(&self, data: U) -> EventMessage<U> {
        EventMessage {
            event: self.event.clone(),
            room_id: self.room_id.clone(),
            data,
            from: self.from.clone(),
            timestamp: self.timestamp,
            meta: self.meta.clone(),
            seq: self.seq,
            erased: self.erased,
        }
    }
}
