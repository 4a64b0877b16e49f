//! What the server writes, but for events: replies and pushes, as JSON text with `type` first.
//!
//! Owns the names and the form of the fields; what they say is the caller's business. Durations go out in milliseconds.

use std::time::Duration;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::code::ErrorCode;
use super::event_frame;
use super::json;
use super::request::RejectedRequest;
use super::subscriptions::SubscriptionList;
use crate::id::{ClientId, EventName, RoomId, UserId};
use crate::schema::Violation;

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
        subscriptions: &'a SubscriptionList,
        epoch: &'a str,
        seq: u64,
        /// `Some` exactly if the client sent `since`.
        #[serde(skip_serializing_if = "Option::is_none")]
        recovered: Option<bool>,
        /// Oldest first, each its live frame or the JSON text of its `EventMessage`.
        #[serde(skip)]
        events: &'a [Bytes],
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
        /// Newest first, each its live frame or the JSON text of its `EventMessage`.
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
pub(crate) struct RoomSummary<'a> {
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

impl RoomSummary<'_> {
    /// How many bytes it takes in a frame, separator included.
    pub(crate) fn encoded_len(&self) -> usize {
        let mut text = Vec::new();
        json::write(&mut text, self);
        text.len() + 1
    }
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

impl<'a> ServerFrame<'a> {
    /// An error that says no more than what is wrong.
    pub(crate) fn error(id: Option<i64>, code: ErrorCode, message: &'a str) -> Self {
        Self::Error {
            id,
            code,
            message,
            room_id: None,
            event: None,
            violations: &[],
            retry_after: None,
        }
    }

    /// The frame's text.
    pub(crate) fn encode(&self) -> Bytes {
        let mut text = Vec::with_capacity(256);
        json::write(&mut text, self);
        if let Self::Joined { events, .. } | Self::History { events, .. } = self {
            append_events(&mut text, events);
        }
        // A slow reader's queue holds many of these: let none be larger than it is long.
        Bytes::from(text.into_boxed_slice())
    }
}

impl<'a> From<&'a RejectedRequest> for ServerFrame<'a> {
    fn from(refused: &'a RejectedRequest) -> Self {
        Self::error(refused.id, refused.code, &refused.message)
    }
}

/// Adds the field `events` to the object that `text` is. The events are text already, so that they are copied rather
/// than encoded again.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::event::EventMessage;
    use crate::protocol::{EventHead, arbitrary};

    fn written(frame: &ServerFrame<'_>) -> Value {
        let text = frame.encode();
        assert!(text.starts_with(br#"{"type":""#), "type comes first");
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn writes_connected_with_durations_in_milliseconds() {
        let (client_id, user_id) = ("c1".into(), "ada".into());
        let connected = |id, expires_in| ServerFrame::Connected {
            id,
            protocol: 1,
            client_id: &client_id,
            user_id: &user_id,
            resume: "secret",
            ping_interval: Duration::from_secs(25),
            max_message_bytes: 65_536,
            expires_in,
            fingerprint: "f",
        };
        let mut expected = json!({
            "type": "connected", "protocol": 1, "clientId": "c1", "userId": "ada", "resume": "secret",
            "pingInterval": 25_000, "maxMessageBytes": 65_536, "fingerprint": "f",
        });
        assert_eq!(written(&connected(None, None)), expected);
        expected["id"] = json!(-3);
        expected["expiresIn"] = json!(1_500);
        assert_eq!(
            written(&connected(Some(-3), Some(Duration::from_millis(1_500)))),
            expected
        );
    }

    #[test]
    fn writes_joined_with_the_wildcard_before_the_names() {
        let subscriptions = SubscriptionList {
            wildcard: true,
            events: ["b".into(), "a".into()].into(),
        };
        let room_id = "chat".into();
        let joined = |id, recovered| ServerFrame::Joined {
            id,
            room_id: &room_id,
            room_name: "Chat",
            subscriptions: &subscriptions,
            epoch: "e",
            seq: 57,
            recovered,
            events: &[],
        };
        let mut expected = json!({
            "type": "joined", "roomId": "chat", "roomName": "Chat", "subscriptions": ["*", "a", "b"], "epoch": "e",
            "seq": 57, "events": [],
        });
        assert_eq!(written(&joined(None, None)), expected);
        expected["id"] = json!(1);
        expected["recovered"] = json!(false);
        assert_eq!(written(&joined(Some(1), Some(false))), expected);
    }

    #[test]
    fn writes_left_with_a_reason_only_when_the_server_did_it() {
        let room_id = "chat".into();
        let left = |id, reason| {
            written(&ServerFrame::Left {
                id,
                room_id: &room_id,
                reason,
            })
        };
        assert_eq!(
            left(Some(4), None),
            json!({ "type": "left", "id": 4, "roomId": "chat" })
        );
        for (reason, text) in [
            (LeftReason::Removed, "removed"),
            (LeftReason::RoomDeleted, "roomDeleted"),
            (LeftReason::Denied, "denied"),
            (LeftReason::Revoked, "revoked"),
        ] {
            let expected = json!({ "type": "left", "roomId": "chat", "reason": text });
            assert_eq!(left(None, Some(reason)), expected);
        }
    }

    #[test]
    fn writes_the_short_replies() {
        let ok = |seq| written(&ServerFrame::Ok { id: 2, seq });
        assert_eq!(ok(None), json!({ "type": "ok", "id": 2 }));
        assert_eq!(ok(Some(9)), json!({ "type": "ok", "id": 2, "seq": 9 }));
        assert_eq!(written(&ServerFrame::Pong { id: None }), json!({ "type": "pong" }));
        assert_eq!(
            written(&ServerFrame::Pong { id: Some(5) }),
            json!({ "type": "pong", "id": 5 })
        );
    }

    #[test]
    fn writes_rooms_with_what_is_known_of_each() {
        let (chat, own, ada) = ("chat".into(), "own".into(), "ada".into());
        let bare = RoomSummary {
            id: &chat,
            name: "Chat",
            description: None,
            size: 0,
            max_size: None,
            created_by_id: None,
        };
        let full = RoomSummary {
            id: &own,
            name: "Own",
            description: Some("hers"),
            size: 3,
            max_size: Some(10),
            created_by_id: Some(&ada),
        };
        let bare_json = json!({ "id": "chat", "name": "Chat", "size": 0 });
        let full_json = json!({
            "id": "own", "name": "Own", "description": "hers", "size": 3, "maxSize": 10, "createdById": "ada",
        });
        let rooms = ServerFrame::Rooms {
            id: Some(1),
            rooms: &[bare, full],
            more: true,
        };
        let expected = json!({ "type": "rooms", "id": 1, "rooms": [bare_json, full_json], "more": true });
        assert_eq!(written(&rooms), expected);
        let created = ServerFrame::RoomCreated { id: None, room: full };
        assert_eq!(written(&created), json!({ "type": "roomCreated", "room": full_json }));
        let deleted = ServerFrame::RoomDeleted {
            id: Some(1),
            room_id: &own,
        };
        assert_eq!(
            written(&deleted),
            json!({ "type": "roomDeleted", "id": 1, "roomId": "own" })
        );
    }

    #[test]
    fn writes_an_error_with_what_is_known_of_it() {
        let (room_id, event) = ("chat".into(), "message".into());
        let bare = ServerFrame::error(None, ErrorCode::Internal, "oh");
        assert_eq!(
            written(&bare),
            json!({ "type": "error", "code": "INTERNAL", "message": "oh" })
        );
        let violations = [Violation {
            path: "/text".into(),
            rule: "minLength".into(),
            message: "too short".into(),
        }];
        let full = ServerFrame::Error {
            id: Some(3),
            code: ErrorCode::ValidationFailed,
            message: "no",
            room_id: Some(&room_id),
            event: Some(&event),
            violations: &violations,
            retry_after: Some(Duration::from_micros(1_001)),
        };
        let expected = json!({
            "type": "error", "id": 3, "code": "VALIDATION_FAILED", "message": "no", "roomId": "chat", "event": "message",
            "violations": [{ "path": "/text", "rule": "minLength", "message": "too short" }], "retryAfter": 2,
        });
        assert_eq!(written(&full), expected, "a wait is rounded up");
    }

    #[test]
    fn a_frame_takes_no_more_memory_than_it_is_long() {
        let text = ServerFrame::Pong { id: None }.encode();
        let length = text.len();
        assert_eq!(text.try_into_mut().unwrap().capacity(), length);
    }

    #[test]
    fn answers_a_refused_request_with_its_id_code_and_message() {
        let refused = RejectedRequest {
            id: Some(8),
            code: ErrorCode::RoomNotFound,
            message: "no room".into(),
        };
        let expected = json!({ "type": "error", "id": 8, "code": "ROOM_NOT_FOUND", "message": "no room" });
        assert_eq!(written(&ServerFrame::from(&refused)), expected);
    }

    proptest! {
        #[test]
        fn any_events_read_back_from_history_and_joined(
            messages in prop::collection::vec(arbitrary::message(), 0..4),
            epoch in ".*",
            more: bool,
        ) {
            let live = |message| EventHead::of(message).prepare().finish(message.seq).text;
            let frames: Vec<_> = messages.iter().map(live).collect();
            let (room_id, event) = ("chat".into(), "message".into());
            let subscriptions = SubscriptionList::default();
            let history = written(&ServerFrame::History {
                id: None,
                room_id: &room_id,
                event: &event,
                more,
                events: &frames,
            });
            prop_assert_eq!(&history["more"], &json!(more));
            let joined = written(&ServerFrame::Joined {
                id: None,
                room_id: &room_id,
                room_name: &epoch,
                subscriptions: &subscriptions,
                epoch: &epoch,
                seq: 0,
                recovered: None,
                events: &frames,
            });
            prop_assert_eq!(&joined["epoch"], &json!(epoch));
            for frame in [history, joined] {
                let events: Vec<EventMessage> = serde_json::from_value(frame["events"].clone()).unwrap();
                prop_assert_eq!(&events, &messages);
            }
        }

        #[test]
        fn any_direct_event_and_error_text_read_back(data in arbitrary::value(), message: String) {
            let event = "news".into();
            let direct = written(&ServerFrame::Direct { event: &event, data: &data });
            prop_assert_eq!(direct, json!({ "type": "direct", "event": "news", "data": data }));
            let error = written(&ServerFrame::error(None, ErrorCode::Blocked, &message));
            prop_assert_eq!(&error["message"], &json!(message));
        }
    }
}
