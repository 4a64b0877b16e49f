//! `trigger`, `event` and `direct`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dialogue::Limits;
use dialogue::prelude::*;
use dialogue_tests::{Chat, TestServer, UserJoined};
use serde_json::{Value, json};

#[tokio::test]
async fn an_event_reaches_every_subscriber_including_the_sender_before_its_ok() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let mut bob = server.joined("bob", "chat").await;
    let before = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time")
        .as_millis();
    ada.send(json!({ "type": "trigger", "id": 1, "roomId": "chat", "event": "message", "data": { "text": "hi" }, "meta": { "device": "phone" } }))
        .await;
    let event = ada.recv().await;
    assert_eq!(ada.recv().await, json!({ "type": "ok", "id": 1, "seq": 1 }));
    let timestamp = event["timestamp"].as_u64().expect("a timestamp");
    assert!(u128::from(timestamp) >= before, "{event}");
    assert_eq!(
        event,
        json!({ "type": "event", "event": "message", "roomId": "chat", "data": { "text": "hi" }, "from": "ada",
                "timestamp": timestamp, "meta": { "device": "phone" }, "seq": 1 })
    );
    assert_eq!(bob.recv().await, event);
}

#[tokio::test]
async fn an_event_without_history_has_no_seq_and_absent_fields_are_omitted() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    ada.join_for("chat", &["*"]).await;
    let ok = ada
        .request(json!({ "type": "trigger", "roomId": "chat", "event": "bell" }))
        .await;
    assert!(ok.get("seq").is_none(), "{ok}");
    let event = ada.recv_type("event").await;
    assert_eq!(event["data"], Value::Null);
    assert!(event.get("seq").is_none() && event.get("meta").is_none(), "{event}");
}

#[tokio::test]
async fn events_reach_everyone_in_the_order_of_their_seqs() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let mut bob = server.joined("bob", "chat").await;
    for number in 0..50 {
        let text = number.to_string();
        let frame = json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": text } });
        ada.send(frame.clone()).await;
        bob.send(frame).await;
    }
    for client in [&mut ada, &mut bob] {
        for seq in 1..=100 {
            assert_eq!(client.recv_type("event").await["seq"], seq);
        }
    }
}

#[tokio::test]
async fn a_client_cannot_choose_the_sender_time_or_seq_of_its_event() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    ada.send(
        json!({ "type": "trigger", "id": 1, "roomId": "chat", "event": "message", "data": { "text": "hi" },
                     "from": "system", "userId": "eve", "timestamp": 1, "seq": 99, "role": "admin" }),
    )
    .await;
    let event = ada.recv().await;
    assert_eq!((&event["from"], &event["seq"]), (&json!("ada"), &json!(1)));
    assert_ne!(event["timestamp"], 1);
    assert!(event.get("role").is_none());
}

#[tokio::test]
async fn the_server_sends_and_keeps_an_event_as_its_type_serialises_it() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    ada.send(json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": "hi", "html": "<script>" } }))
        .await;
    assert_eq!(ada.recv_type("event").await["data"], json!({ "text": "hi" }));
    assert_eq!(
        server.history().get("chat", "message", 0..1).await[0].data,
        json!({ "text": "hi" })
    );
}

#[tokio::test]
async fn invalid_data_is_refused_with_its_violations() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    for (data, rule, path) in [
        (json!({ "text": "" }), "minLength", "/text"),
        (json!({ "text": "x".repeat(1_001) }), "maxLength", "/text"),
        (json!({ "text": 7 }), "type", "/text"),
        (json!({}), "required", ""),
        (json!("hi"), "type", ""),
        (Value::Null, "type", ""),
    ] {
        let error = ada
            .request(json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": data }))
            .await;
        assert_eq!(error["code"], "VALIDATION_FAILED", "{data}");
        assert_eq!((&error["roomId"], &error["event"]), (&json!("chat"), &json!("message")));
        let violation = &error["violations"][0];
        assert_eq!(
            (&violation["rule"], &violation["path"]),
            (&json!(rule), &json!(path)),
            "{error}"
        );
        assert!(
            violation["message"].as_str().is_some_and(|text| !text.is_empty()),
            "{error}"
        );
    }
    ada.assert_nothing_came().await;
    assert_eq!(ada.say("chat", &"x".repeat(1_000)).await["type"], "ok");
}

#[tokio::test]
async fn a_client_cannot_trigger_a_server_event() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let error = ada
        .request(json!({ "type": "trigger", "roomId": "chat", "event": "user-joined", "data": { "username": "root" } }))
        .await;
    assert_eq!(error["code"], "EVENT_NOT_ALLOWED");
    server
        .trigger(
            Chat,
            UserJoined {
                username: "bob".to_owned(),
            },
        )
        .await
        .expect("the server may trigger it");
    assert_eq!(ada.recv_type("event").await["from"], "system");
}

#[tokio::test]
async fn a_read_only_room_accepts_events_only_from_the_server() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "news").await;
    let trigger = json!({ "type": "trigger", "roomId": "news", "event": "message", "data": { "text": "hi" } });
    assert_eq!(ada.refused(trigger).await, "EVENT_NOT_ALLOWED");
    server
        .trigger(dialogue_tests::News, dialogue_tests::message("flash"))
        .await
        .expect("the server may trigger it");
    assert_eq!(ada.recv_type("event").await["data"]["text"], "flash");
}

#[tokio::test]
async fn an_open_room_accepts_any_event_and_validates_the_events_that_the_server_knows() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "open").await;
    let made_up = json!({ "type": "trigger", "roomId": "open", "event": "made:up", "data": [1, { "deep": null }] });
    assert_eq!(ada.request(made_up).await["type"], "ok");
    assert_eq!(ada.recv_type("event").await["data"], json!([1, { "deep": null }]));
    let empty = json!({ "type": "trigger", "roomId": "open", "event": "message", "data": { "text": "" } });
    assert_eq!(ada.refused(empty).await, "VALIDATION_FAILED");
}

#[tokio::test]
async fn an_event_that_before_each_refuses_is_blocked_with_its_reason() {
    let server = TestServer::with(|builder| {
        builder.before_each(|message, _| async move {
            if message.data["text"] == "damn" {
                return refuse("mind your language");
            }
            Ok(message)
        })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    let mut bob = server.joined("bob", "chat").await;
    let error = ada.say("chat", "damn").await;
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("BLOCKED"), &json!("mind your language"))
    );
    assert_eq!(ada.say("chat", "darn").await["seq"], 1, "a refused event gets no seq");
    assert_eq!(bob.recv_type("event").await["data"]["text"], "darn");
    assert_eq!(server.history().count("chat", "message").await, 1);
}

#[tokio::test]
async fn a_direct_frame_belongs_to_no_room() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    server.here().clients_of("ada")[0]
        .send(dialogue_tests::message("psst"))
        .expect("valid");
    assert_eq!(
        ada.recv().await,
        json!({ "type": "direct", "event": "message", "data": { "text": "psst" } })
    );
}

#[tokio::test]
async fn frames_over_the_rate_are_answered_with_rate_limited_and_have_no_effect() {
    let server = TestServer::limited(
        Limits::default()
            .with_inbound_frames(5)
            .with_inbound_window(Duration::from_secs(60)),
    )
    .await;
    // `connect` and `join` count, too, so three frames are left.
    let mut ada = server.joined("ada", "chat").await;
    let mut bob = server.joined("bob", "chat").await;
    for _ in 0..3 {
        assert_eq!(ada.say("chat", "hi").await["type"], "ok");
    }
    let error = ada.say("chat", "one too many").await;
    assert_eq!(error["code"], "RATE_LIMITED");
    let wait = error["retryAfter"].as_u64().expect("the time to wait");
    assert!((50_000..=60_000).contains(&wait), "{wait}");
    for _ in 0..3 {
        assert_eq!(bob.recv_type("event").await["data"]["text"], "hi");
    }
    bob.assert_nothing_came().await;
}

#[tokio::test]
async fn a_client_that_keeps_exceeding_its_rate_is_closed_with_4503() {
    let server = TestServer::limited(
        Limits::default()
            .with_inbound_frames(5)
            .with_inbound_window(Duration::from_secs(60)),
    )
    .await;
    let mut ada = server.connect_as("ada").await;
    for id in 0..20 {
        ada.send(json!({ "type": "ping", "id": id })).await;
    }
    assert_eq!(ada.expect_close().await, 4503);
    assert_eq!(ada.recv().await, json!({ "type": "pong", "id": 0 }));
}

#[tokio::test]
async fn a_client_that_waits_for_retry_after_may_send_again_every_time() {
    let server = TestServer::limited(
        Limits::default()
            .with_inbound_frames(1)
            .with_inbound_window(Duration::from_millis(100)),
    )
    .await;
    let mut ada = server.connect_as("ada").await;
    let ping = json!({ "type": "ping" });
    let mut refusals = 0;
    while refusals < 4 {
        let reply = ada.request(ping.clone()).await;
        if reply["type"] == "error" {
            assert_eq!(reply["code"], "RATE_LIMITED");
            refusals += 1;
            let wait = reply["retryAfter"].as_u64().expect("the time to wait");
            // The protocol requires this wait of a client; it is not a guess about the server.
            tokio::time::sleep(Duration::from_millis(wait)).await;
            assert_eq!(ada.request(ping.clone()).await["type"], "pong");
        }
    }
}
