//! Notices of events outside of the client's rooms, as the handlers of [`DialogueClient`](crate::DialogueClient)
//! receive them.

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
    /// The server's close code; `None` if there was no close frame.
    pub code: Option<u16>,
    /// The server's reason, or the network's error.
    pub reason: String,
    /// Whether the client reconnects.
    pub reconnects: bool,
}

/// Something that happened outside of the client's rooms.
#[derive(Debug, Clone)]
pub(super) enum ClientNotice {
    Connected,
    Disconnected(Disconnection),
    Error(ClientError),
    RoomCreated(RoomInfo),
    RoomDeleted(RoomId),
    /// The server has added the client to a room.
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
