//! `trigger`, the payloads that it accepts, every way it fails, and `broadcast`.

use dialogue::prelude::*;
use dialogue::{Delivery, LimitExceeded, Limits, TriggerError};
use dialogue_tests::{Bell, Chat, Gate, Message, Project, TestServer, Typing, UserJoined, message};
use serde_json::{Value, json};

fn meta(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn recipients_and_seq(delivery: Delivery) -> (usize, Option<u64>) {
    (delivery.recipients, delivery.seq)
}

#[tokio::test]
async fn a_trigger_returns_its_number_of_recipients_and_its_seq() {
    let server = TestServer::plain().await;
    let _ada = server.joined("ada", "chat").await;
    let _tab = server.joined("ada", "chat").await;
    let first = server.trigger::<Message>(Chat, message("one")).await.expect("an event");
    let second = server.trigger(Chat, message("two")).await.expect("an event");
    let volatile = server.trigger(Chat, Bell).await.expect("an event");
    assert_eq!(
        [
            recipients_and_seq(first),
            recipients_and_seq(second),
            recipients_and_seq(volatile)
        ],
        [(2, Some(1)), (2, Some(2)), (0, None)]
    );
}

#[tokio::test]
async fn a_payload_can_carry_its_sender_and_metadata() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    server.trigger(Chat, message("plain")).await.expect("an event");
    let outgoing = message("full")
        .sent_by("user-456")
        .with_meta(meta(json!({ "via": "mail" })));
    server.trigger(Chat, outgoing).await.expect("an event");
    let plain = ada.recv_type("event").await;
    assert_eq!((&plain["from"], plain.get("meta")), (&json!("system"), None));
    let full = ada.recv_type("event").await;
    assert_eq!(
        (&full["from"], &full["meta"]),
        (&json!("user-456"), &json!({ "via": "mail" }))
    );
}

#[tokio::test]
async fn a_complete_envelope_keeps_sender_time_and_metadata_but_gets_a_new_room_and_seq() {
    let server = TestServer::plain().await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    let mut ada = server.joined("ada", "project-7").await;
    let envelope: EventMessage<Message> = serde_json::from_value(json!({
        "event": "message", "roomId": "elsewhere", "data": { "text": "hi" }, "from": "bob", "timestamp": 7,
        "meta": { "a": 1 }, "seq": 99,
    }))
    .expect("an envelope");
    server.trigger(Project { id: 7 }, envelope).await.expect("an event");
    assert_eq!(
        ada.recv().await,
        json!({ "type": "event", "event": "message", "roomId": "project-7", "data": { "text": "hi" }, "from": "bob",
                "timestamp": 7, "meta": { "a": 1 }, "seq": 1 })
    );
}

#[tokio::test]
async fn a_room_handle_accepts_any_event_type_and_checks_it_at_run_time() {
    let server = TestServer::plain().await;
    let chat = server.room(Chat).await.expect("the room");
    chat.trigger(Typing { is_typing: true })
        .await
        .expect("the room allows it");
    server
        .trigger::<Message>(chat.clone(), message("hi"))
        .await
        .expect("an event");
    let booth = server.room("booth").await.expect("the room");
    let refused = booth.trigger(Typing { is_typing: true }).await;
    match refused {
        Err(TriggerError::NotAllowed { room, event }) => {
            assert_eq!((room.as_str(), event.as_str()), ("booth", "typing"));
        }
        other => panic!("{other:?}"),
    }
}

/// Another type with the same event name as [`Message`].
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "message")]
struct Impostor {
    number: u32,
}

#[tokio::test]
async fn a_type_with_the_same_name_is_not_the_event_that_the_room_allows() {
    let server = TestServer::plain().await;
    let chat = server.room(Chat).await.expect("the room");
    let refused = chat.trigger(Impostor { number: 7 }).await;
    assert!(matches!(refused, Err(TriggerError::NotAllowed { .. })), "{refused:?}");
}

#[tokio::test]
async fn every_reason_for_a_failed_trigger_has_its_own_error() {
    let server = TestServer::with(|builder| {
        builder
            .limits(
                Limits::default()
                    .with_queue_bytes(10_000)
                    .with_replay_bytes(1_000)
                    .with_history_page_bytes(1_000),
            )
            .before_each(|message, _| async move {
                if message.data["username"] == "eve" {
                    return refuse("not her");
                }
                Ok(message)
            })
    })
    .await;
    let no_room = server.trigger(Project { id: 7 }, message("hi")).await;
    assert!(
        matches!(&no_room, Err(TriggerError::NoSuchRoom { room }) if *room == "project-7"),
        "{no_room:?}"
    );
    let invalid = server.trigger(Chat, message("")).await;
    match invalid {
        Err(TriggerError::Invalid { event, violations }) => {
            assert_eq!((event.as_str(), violations.len()), ("message", 1));
        }
        other => panic!("{other:?}"),
    }
    let blocked = server
        .trigger(
            Chat,
            UserJoined {
                username: "eve".to_owned(),
            },
        )
        .await;
    assert!(
        matches!(&blocked, Err(TriggerError::Refused(refusal)) if refusal.reason() == "not her"),
        "{blocked:?}"
    );
    let large = server
        .trigger(
            Chat,
            UserJoined {
                username: "x".repeat(10_000),
            },
        )
        .await;
    assert!(
        matches!(
            large,
            Err(TriggerError::LimitExceeded(LimitExceeded::EventBytes {
                limit: 5_000,
                ..
            }))
        ),
        "{large:?}"
    );
    let chat = server.room(Chat).await.expect("the room");
    server.stop().await;
    assert!(matches!(chat.trigger(message("hi")).await, Err(TriggerError::Stopped)));
}

#[tokio::test]
async fn a_handle_to_a_deleted_room_triggers_nothing_even_if_a_new_room_has_its_id() {
    let server = TestServer::plain().await;
    let old = server.create_room(Project { id: 7 }).await.expect("a room");
    server.delete_room(Project { id: 7 }).await.expect("a deletion");
    server.create_room(Project { id: 7 }).await.expect("another room");
    let mut ada = server.joined("ada", "project-7").await;
    let from_handle = old.trigger(message("ghost")).await;
    assert!(
        matches!(from_handle, Err(TriggerError::NoSuchRoom { .. })),
        "{from_handle:?}"
    );
    let from_server = server.trigger::<Message>(old, message("ghost")).await;
    assert!(
        matches!(from_server, Err(TriggerError::NoSuchRoom { .. })),
        "{from_server:?}"
    );
    ada.assert_nothing_came().await;
}

#[tokio::test]
async fn a_trigger_that_is_dropped_before_it_is_sent_sends_nothing() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = TestServer::with(|builder| {
        builder.before_each(move |message, _| {
            let held = held.clone();
            async move {
                held.pass().await;
                Ok(message)
            }
        })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    drop(server.trigger(Chat, message("never polled")));
    tokio::select! {
        _ = server.trigger(Chat, message("dropped at the gate")) => panic!("the gate is shut"),
        () = gate.arrival() => {}
    }
    gate.open();
    server.trigger(Chat, message("sent")).await.expect("an event");
    let event = ada.recv_type("event").await;
    assert_eq!((&event["data"]["text"], &event["seq"]), (&json!("sent"), &json!(1)));
}

#[tokio::test]
async fn broadcast_reaches_every_client_in_any_room_or_none() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let mut bob = server.connect_as("bob").await;
    assert_eq!(server.broadcast(message("to all")).await.expect("valid").recipients, 2);
    for client in [&mut ada, &mut bob] {
        assert_eq!(
            client.recv().await,
            json!({ "type": "direct", "event": "message", "data": { "text": "to all" } })
        );
    }
    assert!(matches!(
        server.broadcast(message("")).await,
        Err(TriggerError::Invalid { .. })
    ));
    ada.assert_nothing_came().await;
}
