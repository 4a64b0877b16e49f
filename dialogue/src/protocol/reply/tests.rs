//! Tests the JSON of each frame of the server.

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
        rate: FrameRate {
            frames: 200,
            window: Duration::from_secs(4),
        },
    };
    let mut expected = json!({
        "type": "connected", "protocol": 1, "clientId": "c1", "userId": "ada", "resume": "secret",
        "pingInterval": 25_000, "maxMessageBytes": 65_536, "fingerprint": "f",
        "rate": { "frames": 200, "window": 4_000 },
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
    let (room_id, none) = ("chat".into(), BTreeSet::new());
    let joined = |id, except, recovered| ServerFrame::Joined {
        id,
        room_id: &room_id,
        room_name: "Chat",
        subscriptions: &subscriptions,
        except,
        epoch: "e",
        seq: 57,
        recovered,
        events: &[],
    };
    let mut expected = json!({
        "type": "joined", "roomId": "chat", "roomName": "Chat", "subscriptions": ["*", "a", "b"], "epoch": "e",
        "seq": 57, "events": [],
    });
    assert_eq!(written(&joined(None, &none, None)), expected);
    expected["id"] = json!(1);
    expected["recovered"] = json!(false);
    expected["except"] = json!(["c", "d"]);
    let except = ["d".into(), "c".into()].into();
    assert_eq!(written(&joined(Some(1), &except, Some(false))), expected);
}

#[test]
fn writes_left_with_a_reason_only_if_the_server_removed_the_client() {
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
fn writes_which_event_was_erased() {
    let room_id = "chat".into();
    assert_eq!(
        written(&ServerFrame::Erased {
            room_id: &room_id,
            seq: 58
        }),
        json!({ "type": "erased", "roomId": "chat", "seq": 58 })
    );
}

#[test]
fn writes_rooms_with_the_fields_that_are_known() {
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
fn writes_an_error_with_the_fields_that_are_known() {
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
        data: Some(&json!({ "plan": "pro" })),
        retry_after: Some(Duration::from_micros(1_001)),
    };
    let expected = json!({
        "type": "error", "id": 3, "code": "VALIDATION_FAILED", "message": "no", "roomId": "chat", "event": "message",
        "violations": [{ "path": "/text", "rule": "minLength", "message": "too short" }],
        "data": { "plan": "pro" }, "retryAfter": 2,
    });
    assert_eq!(written(&full), expected, "the retry time is rounded up");
}

#[test]
fn a_frame_uses_no_more_memory_than_its_length() {
    let text = ServerFrame::Pong { id: None }.encode();
    let length = text.len();
    assert_eq!(text.try_into_mut().unwrap().capacity(), length);
}

#[test]
fn answers_a_rejected_request_with_its_id_code_and_message() {
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
            next: None,
            events: &frames,
        });
        prop_assert_eq!(&history["more"], &json!(more));
        let joined = written(&ServerFrame::Joined {
            id: None,
            room_id: &room_id,
            room_name: &epoch,
            subscriptions: &subscriptions,
            except: &BTreeSet::new(),
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
