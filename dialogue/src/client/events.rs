//! Happenings in a room besides its events, and the items that its handlers and streams receive.

use std::sync::Arc;

use super::buffer::Weighed;
use super::error::ClientError;
use crate::event::{DecodeError, EventMessage, Received};
use crate::id::RoomId;

/// Whether the client missed events of a room while its connection was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// Every event with history that the client was due has arrived or arrives now. Events without history are not
    /// replayed.
    Complete,
    /// Some events are gone. What the room sends to a client that joins for the first time comes next, including events
    /// that you have already seen. Discard what you kept of the room and start from it.
    /// [`Joined::history`](crate::client::Joined::history) pages further back.
    Gap(Gap),
}

/// A gap in what a client received from a room: events after `last_seen` are gone. A program that displays events
/// starts again after the gap. A program that acts once on each event skips those up to `last_seen` in the same epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The `seq` of the last event that the client saw, or a later `seq` if it knows that it was due nothing before that.
    pub last_seen: u64,
    /// Whether the room still has the same epoch. If not, the room was deleted and created again, or the server has
    /// forgotten it, and its numbers started again.
    pub same_epoch: bool,
}

/// Why a client is no longer in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Departure {
    /// The client left, with [`Joined::leave`](crate::client::Joined::leave).
    Left,
    /// The application removed the client.
    Removed,
    /// The room was deleted.
    RoomDeleted,
    /// The application does not allow the client to stay.
    Denied,
    /// The user's access was revoked.
    Revoked,
    /// The server removed the client for a reason that this version of the client does not know.
    Other(String),
    /// After a lost connection, the server did not let the client back in. Contains the server's error.
    NotRejoined(ClientError),
    /// The connection has ended for good.
    Closed,
}

impl Departure {
    /// Maps the reason in the server's `left` frame.
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

/// An item that a stream yields instead of an event. The stream continues after it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoomStreamError {
    /// The reader was too slow or started too late, and lost this many events.
    #[error("{0} events were missed")]
    Lagged(u64),
    /// The connection was lost, and events after [`Gap::last_seen`] are gone. Start from the next events.
    #[error("events were missed while the connection was lost")]
    Gap(Gap),
    /// The event's data does not decode as the stream's type.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The data of an event was erased: remove it from what you keep. If the event was missed, this stands in its place;
    /// otherwise it comes after the event, which may be of another type.
    #[error("event {} of `{}` was erased", .0.seq, .0.room_id)]
    Erased(Erasure),
}

/// The data of an event was erased: what [`Joined::on_erased`](crate::client::Joined::on_erased) passes to its handler.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Erasure {
    /// The room.
    pub room_id: RoomId,
    /// The number of the event in the room.
    pub seq: u64,
    /// What is left of the event, if the client receives it only now: it missed the event, or the room sends it to a
    /// client that joins. `None` if the client may have received the event before.
    pub message: Option<EventMessage<()>>,
}

/// The events that a room sends to a client that joins: what
/// [`DialogueClient::on_history`](crate::DialogueClient::on_history) passes to its handler.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RoomHistory {
    /// The room.
    pub room_id: RoomId,
    /// Its recent events, oldest first, without those that were erased. The room's handlers and streams receive them too.
    pub messages: Vec<EventMessage>,
}

/// An item for the listeners of a room. They receive all items in order.
#[derive(Debug, Clone)]
pub(super) enum RoomItem {
    Event(Arc<EventMessage>, usize),
    Erased(Arc<Erasure>, usize),
    Recovered(Recovery),
    Departed(Departure),
}

impl Weighed for RoomItem {
    fn weight(&self) -> usize {
        match self {
            Self::Event(_, bytes) | Self::Erased(_, bytes) => *bytes,
            Self::Recovered(_) | Self::Departed(_) => 0,
        }
    }

    fn is_barrier(&self) -> bool {
        !matches!(self, Self::Event(..))
    }

    fn must_arrive(&self) -> bool {
        matches!(self, Self::Recovered(_) | Self::Departed(_))
    }
}

impl RoomItem {
    /// An event that the room sends, with its share of the frame's bytes. `None` for an erased event without a number,
    /// because nobody can know which one it was.
    pub(super) fn of(message: EventMessage, bytes: usize) -> Option<Self> {
        if !message.erased {
            return Some(Self::Event(Arc::new(message), bytes));
        }
        let erasure = Erasure {
            room_id: message.room_id.clone(),
            seq: message.seq?,
            message: Some(message.with_data(())),
        };
        Some(Self::Erased(Arc::new(erasure), bytes))
    }

    /// Whether a stream of events with these names reports this.
    pub(super) fn is_erasure_for(&self, names: Option<&'static [&'static str]>) -> bool {
        let Self::Erased(erasure, _) = self else { return false };
        let event = erasure.message.as_ref().map(|message| message.event.as_str());
        event.is_none_or(|event| names.is_none_or(|names| names.contains(&event)))
    }

    /// Whether this is the event with this number.
    pub(super) fn is_event_number(&self, seq: u64) -> bool {
        matches!(self, Self::Event(message, _) if message.seq == Some(seq))
    }

    /// Whether this is an event with one of these names. `None` means any name.
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
    fn maps_each_reason_for_leaving_and_passes_on_unknown_ones() {
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
