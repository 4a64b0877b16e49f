//! Tests that a client decodes every frame as the server encodes it.

use serde_json::json;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::protocol::reply::{FrameRate, LeftReason, RoomSummary, ServerFrame};
use crate::protocol::{EventHead, arbitrary};

fn read(frame: &ServerFrame<'_>) -> Incoming {
    Incoming::parse(std::str::from_utf8(&frame.encode()).unwrap()).unwrap()
}

#[test]
fn reads_the_short_replies_as_the_server_writes_them() {
    let room = RoomId::from("chat");
    assert_eq!(
        read(&ServerFrame::Ok { id: 3, seq: Some(9) }),
        Incoming::Ok { id: 3, seq: Some(9) }
    );
    assert_eq!(read(&ServerFrame::Pong { id: Some(-1) }).id(), Some(-1));
    let left = read(&ServerFrame::Left {
        id: None,
        room_id: &room,
        reason: Some(LeftReason::RoomDeleted),
    });
    assert_eq!(
        left,
        Incoming::Left {
            id: None,
            room_id: room.clone(),
            reason: Some("roomDeleted".to_owned()),
        }
    );
    let deleted = read(&ServerFrame::RoomDeleted {
        id: Some(4),
        room_id: &room,
    });
    assert_eq!(
        deleted,
        Incoming::RoomDeleted {
            id: Some(4),
            room_id: room,
        }
    );
}

#[test]
fn reads_connected_as_the_server_writes_it() {
    let (client_id, user_id) = ("c1".into(), "ada".into());
    let connected = read(&ServerFrame::Connected {
        id: None,
        protocol: 1,
        client_id: &client_id,
        user_id: &user_id,
        resume: "secret",
        ping_interval: Duration::from_secs(25),
        max_message_bytes: 65_536,
        expires_in: Some(Duration::from_millis(1_500)),
        fingerprint: "f",
        rate: FrameRate {
            frames: 200,
            window: Duration::from_secs(4),
        },
    });
    let expected = Welcome {
        id: None,
        client_id,
        user_id,
        resume: "secret".to_owned(),
        ping_interval: 25_000,
        max_message_bytes: 65_536,
        expires_in: Some(1_500),
        fingerprint: "f".to_owned(),
        rate: Some(WelcomeRate {
            frames: 200,
            window: 4_000,
        }),
    };
    assert_eq!(connected, Incoming::Connected(expected));
}

#[test]
fn reads_rooms_as_the_server_writes_them() {
    let (id, ada) = (RoomId::from("own"), UserId::from("ada"));
    let room = RoomSummary {
        id: &id,
        name: "Own",
        description: Some("hers"),
        size: 3,
        max_size: Some(10),
        created_by_id: Some(&ada),
    };
    let expected = ListedRoom {
        id: id.clone(),
        name: "Own".to_owned(),
        description: Some("hers".to_owned()),
        size: 3,
        max_size: Some(10),
        created_by_id: Some(ada.clone()),
    };
    let created = read(&ServerFrame::RoomCreated { id: None, room });
    assert_eq!(
        created,
        Incoming::RoomCreated {
            id: None,
            room: expected.clone(),
        }
    );
    let listed = read(&ServerFrame::Rooms {
        id: Some(1),
        rooms: &[room],
        more: true,
    });
    assert_eq!(
        listed,
        Incoming::Rooms {
            id: Some(1),
            rooms: vec![expected],
            more: true,
        }
    );
}

#[test]
fn reads_an_error_with_all_its_details_and_an_unknown_code_as_internal() {
    let violations = [Violation::type_mismatch("no")];
    let error = read(&ServerFrame::Error {
        id: Some(3),
        code: ErrorCode::ValidationFailed,
        message: "no",
        room_id: None,
        event: None,
        violations: &violations,
        data: Some(&json!({ "plan": "pro" })),
        retry_after: Some(Duration::from_secs(1)),
    });
    let expected = ErrorFrame {
        id: Some(3),
        code: ErrorCode::ValidationFailed,
        message: "no".to_owned(),
        violations: violations.to_vec(),
        data: Some(json!({ "plan": "pro" })),
        retry_after: Some(1_000),
    };
    assert_eq!(error, Incoming::Error(expected));
    let unknown = Incoming::parse(r#"{"type":"error","code":"TEAPOT","message":"short and stout"}"#).unwrap();
    assert!(matches!(unknown, Incoming::Error(error) if error.code == ErrorCode::Internal));
}

#[test]
fn accepts_an_unknown_type_and_rejects_invalid_frames() {
    assert_eq!(
        Incoming::parse(r#"{"type":"tomorrow","x":1}"#).unwrap(),
        Incoming::Unknown
    );
    for text in [
        "",
        "7",
        "[]",
        r#"["ok",1,null]"#,
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"ok"}"#,
        "{\"type\":\"pong\"} x",
    ] {
        assert!(Incoming::parse(text).is_err(), "{text}");
    }
    let deep = format!(r#"{{"type":"direct","event":"e","data":{}}}"#, "[".repeat(100_000));
    assert!(Incoming::parse(&deep).is_err(), "deep nesting uses no stack");
}

#[test]
fn bounds_everything_that_the_client_keeps() {
    let joined = |room: &str, epoch: &str, subscriptions: &[String]| {
        let frame = serde_json::json!({
            "type": "joined", "roomId": room, "roomName": "", "subscriptions": subscriptions, "epoch": epoch,
            "seq": 0, "events": [],
        });
        Incoming::parse(&frame.to_string())
    };
    let names = |number: usize| (0..number).map(|number| format!("e{number}")).collect::<Vec<_>>();
    assert!(joined("chat", "e", &names(1_000)).is_ok());
    assert!(joined("chat", "e", &names(1_001)).is_err());
    assert!(joined("no room", "e", &[]).is_err());
    assert!(joined("chat", &"e".repeat(MAX_TOKEN_BYTES + 1), &[]).is_err());
    assert!(joined("chat", "e", &["a name".to_owned()]).is_err());
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Incoming::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_events_are_read_as_the_server_writes_them(
        messages in prop::collection::vec(arbitrary::message(), 0..4),
        room_id in arbitrary::room_id(),
        wildcard: bool,
        events in prop::collection::btree_set(arbitrary::event_name(), 0..4),
        except in prop::collection::btree_set(arbitrary::event_name(), 0..4),
        recovered: Option<bool>,
        seq: u64,
    ) {
        let frames: Vec<_> = messages.iter().map(|message| EventHead::of(message).prepare().finish(message.seq).text).collect();
        for (frame, message) in frames.iter().zip(&messages) {
            let live = Incoming::parse(std::str::from_utf8(frame).unwrap()).unwrap();
            prop_assert_eq!(live, Incoming::Event(message.clone()));
        }
        let subscriptions = SubscriptionList { wildcard, events };
        let joined = read(&ServerFrame::Joined {
            id: Some(1),
            room_id: &room_id,
            room_name: "Chat",
            subscriptions: &subscriptions,
            except: &except,
            epoch: "e",
            seq,
            recovered,
            events: &frames,
        });
        let room_name = "Chat".to_owned();
        let epoch = "e".to_owned();
        let expected = JoinedRoom { id: Some(1), room_id: room_id.clone(), room_name, subscriptions, except, epoch, seq, recovered, events: messages.clone() };
        prop_assert_eq!(joined, Incoming::Joined(expected));
        let event = "message".into();
        let history = read(&ServerFrame::History { id: Some(2), room_id: &room_id, event: &event, more: true, next: None, events: &frames });
        prop_assert_eq!(history, Incoming::History { id: Some(2), events: messages, more: true, next: None });
    }
}
