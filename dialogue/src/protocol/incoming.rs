//! Decodes text frames from a server for the Rust client. The opposite of `reply`.
//!
//! The client does not trust the server. A malformed frame is an error, and everything that a client keeps is bounded
//! here. An unknown `type` is not an error, because a later server of the same version may send one.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error_code::ErrorCode;
use super::json;
use super::request::NextPage;
use super::subscriptions::{SubscriptionList, WILDCARD};
use crate::event::EventMessage;
use crate::id::{ClientId, EventName, RoomId, UserId};
use crate::schema::Violation;

/// The longest secret and the longest epoch that the client accepts, in bytes. Those of a Dialogue server have 32 and 16.
const MAX_TOKEN_BYTES: usize = 1_024;

/// The most subscriptions in one room that the client accepts. By default, a client may have that many in all rooms
/// together.
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
        /// Present if the server removed the client.
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
        #[serde(default)]
        next: Option<NextPage>,
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
    /// The data of an event has been erased.
    Erased {
        #[serde(deserialize_with = "room_id")]
        room_id: RoomId,
        seq: u64,
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
    /// The client does not know the frame's type.
    #[serde(other)]
    Unknown,
}

/// The server's `connected` frame. Durations are in milliseconds.
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
    /// Absent if the server is older than this field.
    pub(crate) rate: Option<WelcomeRate>,
}

/// How many frames the client may send in any window of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct WelcomeRate {
    pub(crate) frames: u64,
    /// In milliseconds.
    pub(crate) window: u64,
}

/// The server's `joined` frame.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JoinedRoom {
    pub(crate) id: Option<i64>,
    #[serde(deserialize_with = "room_id")]
    pub(crate) room_id: RoomId,
    pub(crate) room_name: String,
    #[serde(deserialize_with = "subscriptions")]
    pub(crate) subscriptions: SubscriptionList,
    /// The events that the wildcard does not cover. Empty also if the server is older than this field.
    #[serde(default, deserialize_with = "exceptions")]
    pub(crate) except: BTreeSet<EventName>,
    #[serde(deserialize_with = "token")]
    pub(crate) epoch: String,
    pub(crate) seq: u64,
    /// Present if the client sent `since`.
    pub(crate) recovered: Option<bool>,
    /// The oldest comes first.
    pub(crate) events: Vec<EventMessage>,
}

/// A room, as the server describes it.
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

/// The server's `error` frame.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorFrame {
    pub(crate) id: Option<i64>,
    #[serde(deserialize_with = "code")]
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) violations: Vec<Violation>,
    pub(crate) data: Option<Value>,
    /// In milliseconds.
    pub(crate) retry_after: Option<u64>,
}

impl Incoming {
    /// Decodes a frame.
    pub(crate) fn parse(text: &str) -> Result<Self, MalformedFrame> {
        // serde would also accept an array: it takes a struct's fields in order.
        if !text.trim_start().starts_with('{') {
            return Err(MalformedFrame::NotAnObject);
        }
        Ok(json::from_text(text)?)
    }

    /// The id of the request that the frame answers, if it answers one.
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
            Self::Event(_) | Self::Direct { .. } | Self::Erased { .. } | Self::Unknown => None,
        }
    }
}

/// Why a frame isn't valid in this protocol.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MalformedFrame {
    #[error("the server sent a malformed frame: it isn't a JSON object")]
    NotAnObject,
    #[error("the server sent a malformed frame")]
    Json(#[from] serde_json::Error),
}

fn bounded<'de, D: Deserializer<'de>>(deserializer: D, fits: impl FnOnce(&str) -> bool) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if fits(&text) {
        Ok(text)
    } else {
        Err(serde::de::Error::custom("an id or token is invalid"))
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
                "a subscription is invalid, or there are too many",
            ));
        }
    }
    Ok(subscriptions)
}

fn exceptions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<EventName>, D::Error> {
    let SubscriptionList { wildcard, events } = subscriptions(deserializer)?;
    if wildcard {
        return Err(serde::de::Error::custom("an exception is invalid"));
    }
    Ok(events)
}

/// An unknown code counts as `INTERNAL`.
fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ErrorCode, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(ErrorCode::from_wire(&text).unwrap_or(ErrorCode::Internal))
}

// They compare with the frames that a server sends.
#[cfg(test)]
#[cfg(feature = "runtime")]
mod tests;
