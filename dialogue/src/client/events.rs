//! What happens to a room besides its events, and what a handler or a stream is given of all of it.

use std::sync::Arc;

use super::buffer::Weighed;
use super::error::ClientError;
use crate::event::{DecodeError, EventMessage, Received};
use crate::id::RoomId;

/// What came of a room when the client was back after a lost connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// Every event with history that the client was due has come or comes now. (What has no history is not told again.)
    Complete,
    /// Something is gone. What the room sends to who joins for the first time comes next, whether you have seen it or not: throw
    /// away what you had of the room and start from it. [`Joined::history`](crate::Joined::history) pages further back.
    Gap(Gap),
}

/// Where a client's view of a room breaks off: events after it are gone. A program that shows events begins anew behind it; one
/// that acts on each once passes over those up to `last_seen`, in the same epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The number of the last event that was seen, or a later one of which the client knows that it was not due it.
    pub last_seen: u64,
    /// Whether the room is still the same one. If not, it was deleted and made anew, or the server has forgotten it, and its
    /// numbers began again.
    pub same_epoch: bool,
}

/// Why a client is no longer in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Departure {
    /// It left, by [`Joined::leave`](crate::Joined::leave).
    Left,
    /// The application took it out.
    Removed,
    /// The room is no more.
    RoomDeleted,
    /// The application does not let it stay.
    Denied,
    /// The user's access was revoked.
    Revoked,
    /// The server did it for a reason that this client does not know.
    Other(String),
    /// After a lost connection, the server did not let it in again: what it said.
    NotRejoined(ClientError),
    /// The connection has ended for good.
    Closed,
}

impl Departure {
    /// The reason of the server's `left`.
    pub(super) fn of(reason: Option<String>) -> Self {
        match reason.as_deref() {
            None => Self::Left,
            Some("removed") => Self::Removed,
            Some("roomDeleted") => Self::RoomDeleted,
            Some("denied") => Self::Denied,
            Some("revoked") => Self::Revoked,
            Some(_) => Self::Other(reason.unwrap_or_default()),
        }
    }
}

/// What a stream has instead of an event, after which it goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoomStreamError {
    /// The reader was too slow, or began too late, and this many events are lost to it.
    #[error("{0} events were missed")]
    Lagged(u64),
    /// The client was away, and events after [`Gap::last_seen`] are gone: start from what comes next.
    #[error("events were missed while the connection was lost")]
    Gap(Gap),
    /// An event's data is not of the stream's type.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// The events with which a room received the client: what [`DialogueClient::on_history`](crate::DialogueClient::on_history)
/// hands over.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RoomHistory {
    /// The room.
    pub room_id: RoomId,
    /// Its recent events, oldest first. Handlers and streams of the room are given them too.
    pub events: Vec<EventMessage>,
}

/// What listeners of a room are given, in the order in which it happened.
#[derive(Debug, Clone)]
pub(super) enum RoomItem {
    Event(Arc<EventMessage>, usize),
    Recovered(Recovery),
    Departed(Departure),
}

impl Weighed for RoomItem {
    fn weight(&self) -> usize {
        match self {
            Self::Event(_, bytes) => *bytes,
            Self::Recovered(_) | Self::Departed(_) => 0,
        }
    }

    fn is_barrier(&self) -> bool {
        !matches!(self, Self::Event(..))
    }
}

impl RoomItem {
    /// Whether it is an event of one of these names; `None` stands for every name.
    pub(super) fn is_event_of(&self, names: Option<&'static [&'static str]>) -> bool {
        match self {
            Self::Event(message, _) => names.is_none_or(|names| names.contains(&message.event.as_str())),
            _ => false,
        }
    }
}

pub(super) fn decode<M: Received>(message: &EventMessage) -> Result<EventMessage<M>, DecodeError> {
    let data = M::decode(&message.event, &message.data)?;
    Ok(message.with_data(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_for_leaving_has_its_name_and_an_unknown_one_is_passed_on() {
        for (reason, departure) in [
            (None, Departure::Left),
            (Some("removed"), Departure::Removed),
            (Some("roomDeleted"), Departure::RoomDeleted),
            (Some("denied"), Departure::Denied),
            (Some("revoked"), Departure::Revoked),
            (Some("moved"), Departure::Other("moved".to_owned())),
        ] {
            assert_eq!(Departure::of(reason.map(str::to_owned)), departure);
        }
    }
}
