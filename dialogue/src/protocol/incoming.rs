//! Text frames from a server into what a client acts on: the other direction of `reply`.
//!
//! A server is not trusted to be well-meaning: what is malformed is an error, and what a client would keep is bounded
//! here. A `type` that is not known is no error; later servers of this version may have some.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error_code::ErrorCode;
use super::subscriptions::{SubscriptionList, WILDCARD};
use crate::event::EventMessage;
use crate::id::{ClientId, EventName, RoomId, UserId};
use crate::schema::Violation;

/// The longest secret and the longest epoch that are kept, in bytes. A server's own have 32 and 16.
const MAX_TOKEN_BYTES: usize = 1_024;

/// The most subscriptions of one room that are kept: as many as a client may have in all by default.
const MAX_SUBSCRIPTIONS: usize = 1_000;

/// A frame from the server.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Incoming {
    Connected(Welcome),
    Joined(JoinedRoom),
    Left {
        id: Option<i64>,
        room_id: RoomId,
        /// There if the server did it.
        reason: Option<String>,
    },
    Ok {
        id: i64,
        seq: Option<u64>,
    },
    History {
        id: Option<i64>,
        events: Vec<EventMessage>,
        more: bool,
    },
    Rooms {
        id: Option<i64>,
        rooms: Vec<ListedRoom>,
        more: bool,
    },
    RoomCreated {
        id: Option<i64>,
        room: ListedRoom,
    },
    RoomDeleted {
        id: Option<i64>,
        room_id: RoomId,
    },
    Pong {
        id: Option<i64>,
    },
    Event(EventMessage),
    Direct {
        event: EventName,
        data: Value,
    },
    Error(ErrorFrame),
    /// Of a type that this client does not know.
    #[serde(other)]
    Unknown,
}

/// The server's `connected`. Durations in milliseconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Welcome {
    pub(crate) id: Option<i64>,
    pub(crate) client_id: ClientId,
    pub(crate) user_id: UserId,
    #[serde(deserialize_with = "token")]
    pub(crate) resume: String,
    pub(crate) ping_interval: u64,
    pub(crate) max_message_bytes: usize,
    pub(crate) expires_in: Option<u64>,
    pub(crate) fingerprint: String,
}

/// The server's `joined`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JoinedRoom {
    pub(crate) id: Option<i64>,
    #[serde(deserialize_with = "room_id")]
    pub(crate) room_id: RoomId,
    pub(crate) room_name: String,
    #[serde(deserialize_with = "subscriptions")]
    pub(crate) subscriptions: SubscriptionList,
    #[serde(deserialize_with = "token")]
    pub(crate) epoch: String,
    pub(crate) seq: u64,
    /// There if `since` was sent.
    pub(crate) recovered: Option<bool>,
    /// Oldest first.
    pub(crate) events: Vec<EventMessage>,
}

/// What a server tells of a room.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedRoom {
    pub(crate) id: RoomId,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) size: usize,
    pub(crate) max_size: Option<usize>,
    pub(crate) created_by_id: Option<UserId>,
}

/// The server's `error`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorFrame {
    pub(crate) id: Option<i64>,
    #[serde(deserialize_with = "code")]
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) violations: Vec<Violation>,
    /// In milliseconds.
    pub(crate) retry_after: Option<u64>,
}

impl Incoming {
    /// Reads a frame.
    pub(crate) fn parse(text: &str) -> Result<Self, MalformedFrame> {
        // An array would do for serde: it takes a struct's fields in order as well.
        if !text.trim_start().starts_with('{') {
            return Err(MalformedFrame("it is not a JSON object".to_owned()));
        }
        serde_json::from_str(text).map_err(|error| MalformedFrame(error.to_string()))
    }

    /// The request that it answers, if it answers one.
    pub(crate) fn id(&self) -> Option<i64> {
        match self {
            Self::Ok { id, .. } => Some(*id),
            Self::Connected(Welcome { id, .. })
            | Self::Joined(JoinedRoom { id, .. })
            | Self::Left { id, .. }
            | Self::History { id, .. }
            | Self::Rooms { id, .. }
            | Self::RoomCreated { id, .. }
            | Self::RoomDeleted { id, .. }
            | Self::Pong { id }
            | Self::Error(ErrorFrame { id, .. }) => *id,
            Self::Event(_) | Self::Direct { .. } | Self::Unknown => None,
        }
    }
}

/// Why a frame is none of this protocol.
#[derive(Debug, thiserror::Error)]
#[error("the server sent a malformed frame: {0}")]
pub(crate) struct MalformedFrame(String);

fn bounded<'de, D: Deserializer<'de>>(deserializer: D, fits: impl FnOnce(&str) -> bool) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if fits(&text) {
        Ok(text)
    } else {
        Err(serde::de::Error::custom("a name or token is not one"))
    }
}

fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    bounded(deserializer, |text| text.len() <= MAX_TOKEN_BYTES)
}

fn room_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RoomId, D::Error> {
    bounded(deserializer, RoomId::is_valid).map(RoomId::from)
}

fn subscriptions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SubscriptionList, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let mut subscriptions = SubscriptionList::default();
    for name in names {
        if name == WILDCARD {
            subscriptions.wildcard = true;
        } else if EventName::is_valid(&name) && subscriptions.events.len() < MAX_SUBSCRIPTIONS {
            subscriptions.events.insert(name.into());
        } else {
            return Err(serde::de::Error::custom(
                "a subscription is none, or there are too many",
            ));
        }
    }
    Ok(subscriptions)
}

/// A code that is not known counts as a fault of the server.
fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ErrorCode, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(ErrorCode::from_wire(&text).unwrap_or(ErrorCode::Internal))
}

#[cfg(test)]
mod tests;
