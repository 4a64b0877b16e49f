//! Encodes everything that the server sends except events: replies and pushes. They are JSON texts whose first field is
//! `type`.
//!
//! Owns the names and the form of the fields. The caller decides their values. Durations are sent in milliseconds.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::error_code::ErrorCode;
use super::event_frame;
use super::json;
use super::request::NextPage;
use super::request::RejectedRequest;
use super::subscriptions::SubscriptionList;
use crate::id::{ClientId, EventName, RoomId, UserId};
use crate::schema::Violation;

/// The space for the text of a frame at first, in bytes. Most frames fit.
const SHORT_TEXT: usize = 256;

/// A frame from the server. A frame with an `id` is the reply to the request with this id. A frame without one is a push,
/// or the reply to a request without an id.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum ServerFrame<'a> {
    Connected {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        protocol: u64,
        client_id: &'a ClientId,
        user_id: &'a UserId,
        resume: &'a str,
        #[serde(serialize_with = "millis")]
        ping_interval: Duration,
        max_message_bytes: usize,
        /// The time until the session expires.
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_millis")]
        expires_in: Option<Duration>,
        fingerprint: &'a str,
        rate: FrameRate,
    },
    Joined {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        room_id: &'a RoomId,
        room_name: &'a str,
        subscriptions: &'a SubscriptionList,
        /// The events that the wildcard does not cover.
        #[serde(skip_serializing_if = "BTreeSet::is_empty")]
        except: &'a BTreeSet<EventName>,
        epoch: &'a str,
        seq: u64,
        /// `Some` if and only if the client sent `since`.
        #[serde(skip_serializing_if = "Option::is_none")]
        recovered: Option<bool>,
        /// The oldest comes first. Each is a live frame or the JSON text of an `EventMessage`.
        #[serde(skip)]
        events: &'a [Bytes],
    },
    Left {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        room_id: &'a RoomId,
        /// `Some` if and only if the server removed the client.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<LeftReason>,
    },
    Ok {
        id: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
    },
    History {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        room_id: &'a RoomId,
        event: &'a EventName,
        more: bool,
        /// What continues the page, if that is not the number of its last event.
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<NextPage>,
        /// The newest comes first. Each is a live frame or the JSON text of an `EventMessage`.
        #[serde(skip)]
        events: &'a [Bytes],
    },
    Rooms {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        rooms: &'a [RoomSummary<'a>],
        more: bool,
    },
    RoomCreated {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        room: RoomSummary<'a>,
    },
    RoomDeleted {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        room_id: &'a RoomId,
    },
    /// The data of an event has been erased.
    Erased {
        room_id: &'a RoomId,
        seq: u64,
    },
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
    },
    Direct {
        event: &'a EventName,
        data: &'a Value,
    },
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        code: ErrorCode,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        room_id: Option<&'a RoomId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        event: Option<&'a EventName>,
        #[serde(skip_serializing_if = "<[Violation]>::is_empty")]
        violations: &'a [Violation],
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a Value>,
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_millis")]
        retry_after: Option<Duration>,
    },
}

/// How many frames a client may send in any window of this length.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct FrameRate {
    pub(crate) frames: usize,
    #[serde(serialize_with = "millis")]
    pub(crate) window: Duration,
}

/// A room, as clients see it.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoomSummary<'a> {
    pub(crate) id: &'a RoomId,
    pub(crate) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<&'a str>,
    /// The number of clients in the room.
    pub(crate) size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_by_id: Option<&'a UserId>,
}

impl RoomSummary<'_> {
    /// How many bytes the room takes in a frame, including the separator.
    pub(crate) fn encoded_len(&self) -> usize {
        let mut text = Vec::new();
        json::write(&mut text, self);
        text.len() + 1
    }
}

/// Why the server removed a client from a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum LeftReason {
    /// The application removed the client from the room.
    Removed,
    /// The room was deleted.
    RoomDeleted,
    /// The application no longer lets the client be in the room.
    Denied,
    /// The user was revoked.
    Revoked,
}

impl<'a> ServerFrame<'a> {
    /// An error without any details.
    pub(crate) fn error(id: Option<i64>, code: ErrorCode, message: &'a str) -> Self {
        Self::Error {
            id,
            code,
            message,
            room_id: None,
            event: None,
            violations: &[],
            data: None,
            retry_after: None,
        }
    }

    /// Encodes the frame's text.
    pub(crate) fn encode(&self) -> Bytes {
        let mut text = Vec::with_capacity(SHORT_TEXT);
        json::write(&mut text, self);
        if let Self::Joined { events, .. } | Self::History { events, .. } = self {
            append_events(&mut text, events);
        }
        // The queue of a slow consumer holds many of these, so none may have unused capacity. For a short text, a copy takes
        // the allocator less time than giving the unused part back.
        if text.capacity() == SHORT_TEXT {
            Bytes::copy_from_slice(&text)
        } else {
            Bytes::from(text.into_boxed_slice())
        }
    }
}

impl<'a> From<&'a RejectedRequest> for ServerFrame<'a> {
    fn from(refused: &'a RejectedRequest) -> Self {
        Self::error(refused.id, refused.code, &refused.message)
    }
}

/// Adds the field `events` to the object in `text`. The events are already encoded, so their texts are copied and not
/// encoded again.
fn append_events(text: &mut Vec<u8>, events: &[Bytes]) {
    let opening = br#","events":["#;
    let separated: usize = events.iter().map(|event| event.len() + 1).sum();
    text.reserve_exact(opening.len() + separated + 2);
    text.pop();
    text.extend_from_slice(opening);
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        event_frame::write_message(text, event);
    }
    text.extend_from_slice(b"]}");
}

/// Writes a duration, rounded up. Otherwise, a client that waits that long could retry a moment too early.
fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    serializer.serialize_u64(u64::try_from(millis).unwrap_or(u64::MAX))
}

fn some_millis<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => millis(duration, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
