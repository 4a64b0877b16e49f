//! What happens to a client outside of its rooms, as the handlers of [`DialogueClient`](crate::DialogueClient) are told it.

use serde_json::Value;

use super::buffer::Weighed;
use super::error::ClientError;
use super::events::RoomHistory;
use super::replies::RoomInfo;
use crate::id::{EventName, RoomId};

/// How a connection was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disconnection {
    /// The server's close code; `None` if there was no close.
    pub code: Option<u16>,
    /// The server's words, or what went wrong.
    pub reason: String,
    /// Whether the client comes back by itself.
    pub reconnects: bool,
}

/// Something to tell.
#[derive(Debug, Clone)]
pub(super) enum ClientNotice {
    Connected,
    Disconnected(Disconnection),
    Error(ClientError),
    RoomCreated(RoomInfo),
    RoomDeleted(RoomId),
    /// The server has taken the client into a room.
    Joined(RoomId),
    History(RoomHistory, usize),
    Direct(EventName, Value, usize),
}

impl Weighed for ClientNotice {
    fn weight(&self) -> usize {
        match self {
            Self::History(_, bytes) | Self::Direct(_, _, bytes) => *bytes,
            Self::RoomCreated(room) => room.name.len() + room.description.as_ref().map_or(0, String::len),
            Self::Error(ClientError::Refused(refused)) => refused.message.len(),
            _ => 0,
        }
    }
}
