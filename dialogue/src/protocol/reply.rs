//! What the server writes, but for events: replies and pushes, as JSON text with `type` first.
//!
//! Owns the names and the form of the fields; what they say is the caller's business. Durations go out in milliseconds.

use std::time::Duration;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::code::ErrorCode;
use super::event_frame::EventFrame;
use super::json;
use super::subscriptions::Subscriptions;
use crate::event::Violation;
use crate::id::{ClientId, EventName, RoomId, UserId};

/// A frame from the server. With an `id` it is the reply to the request that carried it; without one it is a push, or
/// the reply to a request without.
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
        /// How long the session still lasts.
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_millis")]
        expires_in: Option<Duration>,
        fingerprint: &'a str,
    },
    Joined {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        room_id: &'a RoomId,
        room_name: &'a str,
        subscriptions: &'a Subscriptions,
        epoch: &'a str,
        seq: u64,
        /// `Some` exactly if the client sent `since`.
        #[serde(skip_serializing_if = "Option::is_none")]
        recovered: Option<bool>,
        /// Oldest first.
        #[serde(skip)]
        events: &'a [EventFrame],
    },
    Left {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        room_id: &'a RoomId,
        /// `Some` exactly if the server did it.
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
        /// Newest first.
        #[serde(skip)]
        events: &'a [EventFrame],
    },
    Rooms {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        rooms: &'a [RoomInfo<'a>],
        more: bool,
    },
    RoomCreated {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        room: RoomInfo<'a>,
    },
    RoomDeleted {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        room_id: &'a RoomId,
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
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_millis")]
        retry_after: Option<Duration>,
    },
}

/// What clients are told of a room.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoomInfo<'a> {
    pub(crate) id: &'a RoomId,
    pub(crate) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<&'a str>,
    /// Clients in the room.
    pub(crate) size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_by_id: Option<&'a UserId>,
}

/// Why the server made a client leave a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum LeftReason {
    /// The application took the client out of the room.
    Removed,
    /// The room is no more.
    RoomDeleted,
    /// The application does not let the client be there, as it turned out after the join was begun.
    Denied,
    /// The user was revoked.
    Revoked,
}

impl ServerFrame<'_> {
    /// The frame's text.
    pub(crate) fn encode(&self) -> Bytes {
        let mut text = Vec::with_capacity(256);
        json::write(&mut text, self);
        if let Self::Joined { events, .. } | Self::History { events, .. } = self {
            append_events(&mut text, events);
        }
        Bytes::from(text)
    }
}

/// Adds the field `events` to the object that `text` is. The events are text already, so that they are copied rather
/// than encoded again.
fn append_events(text: &mut Vec<u8>, events: &[EventFrame]) {
    let opening = br#","events":["#;
    let separated: usize = events.iter().map(|event| event.message_len() + 1).sum();
    text.reserve_exact(opening.len() + separated + 2);
    text.pop();
    text.extend_from_slice(opening);
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        event.write_message(text);
    }
    text.extend_from_slice(b"]}");
}

/// Rounded up, so that a client which waits that long does not come a moment too early.
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
