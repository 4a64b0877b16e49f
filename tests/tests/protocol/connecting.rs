//! `connect`, its refusals and its renewal, `ping`, request ids and pipelining.

use std::time::{Duration, SystemTime};

use dialogue::prelude::*;
use dialogue::{Dialogue, Limits};
use dialogue_tests::raw::{CLOSE, FIN, TEXT, masked};
use dialogue_tests::{RawClient, Record, Rooms, TestClient, TestServer};
use serde_json::json;

#[tokio::test]
async fn connected_has_everything_that_the_client_must_know() {
    let server = TestServer::limited(
        Limits::default()
            .with_ping_interval(Duration::from_secs(7))
            .with_message_bytes(5_000),
    )
    .await;
    let mut client = server.open().await;
    let connected = client
        .request(json!({ "type": "connect", "protocol": 1, "auth": { "userId": "ada" } }))
        .await;
    assert_eq!(connected["type"], "connected");
    assert_eq!(connected["protocol"], 1);
    assert_eq!(connected["userId"], "ada");
    assert_eq!(connected["pingInterval"], 7_000);
    assert_eq!(connected["maxMessageBytes"], 5_000);
    assert!(connected["clientId"].as_str().is_some_and(|id| !id.is_empty()));
    assert!(connected["resume"].is_string());
    assert!(connected["fingerprint"].as_str().is_some_and(|print| !print.is_empty()));
    assert!(connected.get("expiresIn").is_none(), "this session does not expire");
}

#[tokio::test]
async fn the_server_writes_the_type_field_first() {
    let server = TestServer::plain().await;
    let mut raw = dialogue_tests::RawClient::connected(server.address()).await;
    raw.send(0x81, br#"{"id":3,"type":"ping"}"#).await;
    let pong = raw.recv().await.expect("a pong");
    assert_eq!(pong.payload, br#"{"type":"pong","id":3}"#);
}

#[tokio::test]
async fn every_client_has_its_own_id_and_a_user_may_have_several_clients() {
    let server = TestServer::plain().await;
    let (one, two) = (server.connect_as("ada").await, server.connect_as("ada").await);
    assert_ne!(one.connected["clientId"], two.connected["clientId"]);
    assert_eq!(one.connected["userId"], two.connected["userId"]);
}

#[tokio::test]
async fn the_fingerprint_depends_on_the_declared_rooms() {
    let (one, two) = (TestServer::plain().await, TestServer::plain().await);
    let other = TestServer::start(Dialogue::builder().rooms::<small::Rooms>()).await;
    let of = |client: dialogue_tests::TestClient| client.connected["fingerprint"].clone();
    let (one, two) = (of(one.connect_as("ada").await), of(two.connect_as("bob").await));
    assert_eq!(one, two);
    assert_ne!(one, of(other.connect_as("ada").await));
}

mod small {
    dialogue::rooms! {
        /// One room.
        pub Rooms;
        /// Small.
        pub Small = "small" { events: [] }
    }
}

#[tokio::test]
async fn without_authenticate_every_user_is_anonymous_with_an_id_from_the_server() {
    let server = TestServer::start(Dialogue::builder().rooms::<Rooms>()).await;
    let (one, two) = (server.connect_as("ada").await, server.connect_as("ada").await);
    assert_ne!(one.connected["userId"], "ada");
    assert_ne!(one.connected["userId"], two.connected["userId"]);
}

#[tokio::test]
async fn another_protocol_version_is_unsupported_and_the_rest_of_its_frame_is_ignored() {
    let server = TestServer::plain().await;
    let mut client = server.open().await;
    client
        .send(json!({ "type": "connect", "id": 4, "protocol": 2, "resume": 17 }))
        .await;
    let error = client.recv_type("error").await;
    assert_eq!(
        (&error["code"], &error["id"]),
        (&json!("UNSUPPORTED_PROTOCOL"), &json!(4))
    );
    assert_eq!(client.expect_close().await, 4504);
}

fn with_tokens() -> dialogue::Builder {
    Dialogue::builder()
        .rooms::<Rooms>()
        .authenticate(|handshake| async move {
            match handshake.auth["token"].as_str() {
                Some("ada's") => Ok(Identity::user("ada")),
                Some("bob's") => Ok(Identity::user("bob")),
                Some("short") => Ok(Identity::user("ada").with_expiry(SystemTime::now() + Duration::from_millis(300))),
                Some("hour") => Ok(Identity::user("ada").with_expiry(SystemTime::now() + Duration::from_secs(3_600))),
                Some("empty") => Ok(Identity::user("")),
                Some("system") => Ok(Identity::user("system")),
                Some("old") => Ok(Identity::user("ada").with_expiry(SystemTime::now() - Duration::from_secs(1))),
                _ => refuse("who are you?"),
            }
        })
}

#[tokio::test]
async fn a_client_that_fails_to_authenticate_is_refused_and_its_pipelined_commands_never_run() {
    let server = TestServer::start(with_tokens()).await;
    for token in ["none", "empty", "system", "old"] {
        let mut client = server.open().await;
        client
            .send(json!({ "type": "connect", "id": 1, "protocol": 1, "auth": { "token": token } }))
            .await;
        client.send(json!({ "type": "join", "id": 2, "roomId": "chat" })).await;
        let error = client.recv_type("error").await;
        assert_eq!(
            (&error["code"], &error["id"]),
            (&json!("UNAUTHENTICATED"), &json!(1)),
            "{token}"
        );
        assert_eq!(client.expect_close().await, 4500, "{token}");
    }
    assert_eq!(server.room("chat").await.expect("the room").size().await, 0);
    assert!(server.here().clients().is_empty());
}

#[tokio::test]
async fn a_refused_client_receives_the_reason() {
    let server = TestServer::start(with_tokens()).await;
    let mut client = server.open().await;
    client.send(json!({ "type": "connect", "protocol": 1 })).await;
    assert_eq!(client.recv_type("error").await["message"], "who are you?");
}

#[tokio::test]
async fn a_session_ends_when_it_expires() {
    let server = TestServer::start(with_tokens()).await;
    let mut client = server.open().await;
    client.connect(json!({ "token": "short" })).await;
    let left = client.connected["expiresIn"].as_u64().expect("a session that expires");
    assert!(left <= 300, "{left}");
    assert_eq!(client.expect_close().await, 4001);
}

#[tokio::test]
async fn a_session_ends_when_it_expires_even_while_a_hook_runs() {
    let builder = with_tokens().before_join(|_, _| std::future::pending());
    let server = TestServer::start(builder).await;
    let mut client = server.open().await;
    client.connect(json!({ "token": "short" })).await;
    client.send(json!({ "type": "join", "roomId": "chat" })).await;
    assert_eq!(client.expect_close().await, 4001);
}

#[tokio::test]
async fn a_later_connect_renews_the_session_and_keeps_the_rooms() {
    let server = TestServer::start(with_tokens()).await;
    let mut client = server.open().await;
    client.connect(json!({ "token": "ada's" })).await;
    let id = client.connected["clientId"].clone();
    client.join("chat").await;
    let renewed = client
        .request(json!({ "type": "connect", "protocol": 1, "auth": { "token": "hour" } }))
        .await;
    assert_eq!(renewed["type"], "connected");
    assert_eq!(renewed["clientId"], id);
    assert!(
        renewed["expiresIn"].as_u64().is_some_and(|left| left > 3_000_000),
        "{renewed}"
    );
    assert_eq!(client.say("chat", "still here").await["type"], "ok");
}

#[tokio::test]
async fn a_later_connect_that_fails_or_names_another_user_leaves_the_session_unchanged() {
    let server = TestServer::start(with_tokens()).await;
    let mut client = server.open().await;
    client.connect(json!({ "token": "ada's" })).await;
    client.join("chat").await;
    for token in ["bob's", "none"] {
        let refused = json!({ "type": "connect", "protocol": 1, "auth": { "token": token } });
        assert_eq!(client.refused(refused).await, "UNAUTHENTICATED", "{token}");
    }
    client.say("chat", "me").await;
    let event = client.recv_type("event").await;
    assert_eq!(event["from"], "ada");
}

#[tokio::test]
async fn any_first_frame_other_than_connect_closes_with_1008() {
    let server = TestServer::plain().await;
    for first in [json!({ "type": "ping" }), json!({ "type": "join", "roomId": "chat" })] {
        let mut client = server.open().await;
        client.send(first).await;
        assert_eq!(client.expect_close().await, 1008);
    }
}

#[tokio::test]
async fn a_connection_without_connect_before_the_deadline_closes_with_1008() {
    let server = TestServer::limited(Limits::default().with_connect_deadline(Duration::from_millis(200))).await;
    let mut client = server.open().await;
    assert_eq!(client.expect_close().await, 1008);
}

#[tokio::test]
async fn an_authentication_that_takes_too_long_ends_at_the_connect_deadline() {
    let limits = Limits::default().with_connect_deadline(Duration::from_millis(200));
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .limits(limits)
        .authenticate(|_| std::future::pending());
    let server = TestServer::start(builder).await;
    let mut client = server.open().await;
    client.send(json!({ "type": "connect", "protocol": 1 })).await;
    assert_eq!(client.expect_close().await, 4003);
    assert!(server.here().clients().is_empty());
}

#[tokio::test]
async fn frames_sent_after_connect_run_in_order_once_the_client_is_connected() {
    let server = TestServer::plain().await;
    let mut client = server.open().await;
    for frame in [
        json!({ "type": "connect", "id": 1, "protocol": 1, "auth": { "userId": "ada" } }),
        json!({ "type": "join", "id": 2, "roomId": "chat" }),
        json!({ "type": "trigger", "id": 3, "roomId": "chat", "event": "message", "data": { "text": "hi" } }),
        json!({ "type": "leave", "id": 4, "roomId": "chat" }),
        json!({ "type": "ping", "id": 5 }),
    ] {
        client.send(frame).await;
    }
    let mut kinds = Vec::new();
    for _ in 0..6 {
        let frame = client.recv().await;
        kinds.push((
            frame["type"].as_str().unwrap_or_default().to_owned(),
            frame["id"].as_i64(),
        ));
    }
    let kinds: Vec<_> = kinds.iter().map(|(kind, id)| (kind.as_str(), *id)).collect();
    assert_eq!(
        kinds,
        [
            ("connected", Some(1)),
            ("joined", Some(2)),
            ("event", None),
            ("ok", Some(3)),
            ("left", Some(4)),
            ("pong", Some(5)),
        ]
    );
}

#[tokio::test]
async fn requests_without_an_id_are_answered_only_if_the_reply_carries_data() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    for silent in [
        json!({ "type": "unsubscribe", "roomId": "chat", "event": "message" }),
        json!({ "type": "subscribeAll", "roomId": "chat" }),
        json!({ "type": "unsubscribe", "roomId": "chat", "event": "message" }),
        json!({ "type": "subscribe", "roomId": "chat", "event": "typing" }),
        json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": "hi" } }),
    ] {
        ada.send(silent).await;
    }
    ada.assert_nothing_came().await;
    for (request, answer) in [
        (json!({ "type": "join", "roomId": "news" }), "joined"),
        (
            json!({ "type": "history", "roomId": "chat", "event": "message" }),
            "history",
        ),
        (json!({ "type": "listRooms" }), "rooms"),
        (
            json!({ "type": "createRoom", "room": { "id": "table-1" } }),
            "roomCreated",
        ),
        (json!({ "type": "deleteRoom", "roomId": "table-1" }), "roomDeleted"),
        (json!({ "type": "leave", "roomId": "news" }), "left"),
        (json!({ "type": "ping" }), "pong"),
        (json!({ "type": "leave", "roomId": "nowhere" }), "error"),
    ] {
        ada.send(request).await;
        let reply = ada.recv_type(answer).await;
        assert!(reply.get("id").is_none(), "{reply}");
    }
}

#[tokio::test]
async fn ids_of_64_bits_are_returned_unchanged() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    for id in [0, -1, i64::MAX, i64::MIN] {
        ada.send(json!({ "type": "ping", "id": id })).await;
        assert_eq!(ada.recv().await, json!({ "type": "pong", "id": id }));
    }
}

#[tokio::test]
async fn a_connection_beyond_a_users_quota_is_closed_with_4502() {
    let server = TestServer::limited(Limits::default().with_connections_per_user(1)).await;
    let mut first = server.connect_as("ada").await;
    let mut second = server.open().await;
    second
        .send(json!({ "type": "connect", "protocol": 1, "auth": { "userId": "ada" } }))
        .await;
    let code = tokio::select! {
        code = second.expect_close() => code,
        // A client that reads also answers the server, which asks whether the connection is lost.
        frame = first.recv() => panic!("{frame}"),
    };
    assert_eq!(code, 4502);
    server.connect_as("bob").await;
    first.close().await;
    dialogue_tests::until("the removal of ada's client", || {
        server.here().clients_of("ada").is_empty()
    })
    .await;
    server.connect_as("ada").await;
}

#[tokio::test]
async fn a_client_may_close_with_any_permitted_code_and_receives_it_back() {
    let server = TestServer::plain().await;
    let permitted = [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4000, 4501, 4999];
    let forbidden = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535];
    let permitted = permitted.map(|code: u16| (code, code));
    let forbidden = forbidden.map(|code: u16| (code, 1002));
    for (sent, received) in permitted.into_iter().chain(forbidden) {
        let mut client = RawClient::connected(server.address()).await;
        client.send(FIN | CLOSE, &sent.to_be_bytes()).await;
        assert_eq!(client.expect_close().await, received, "{sent}");
    }
    let mut client = RawClient::connected(server.address()).await;
    client.send(FIN | CLOSE, b"").await;
    assert_eq!(client.expect_close().await, 1005, "an answer without a code");
}

#[tokio::test]
async fn commands_that_arrive_before_a_close_frame_are_run() {
    let server = TestServer::plain().await;
    let mut bob = server.joined("bob", "chat").await;
    let mut client = RawClient::connected(server.address()).await;
    let mut frames = Vec::new();
    for command in [
        json!({ "type": "join", "roomId": "chat" }),
        json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": "good bye" } }),
    ] {
        frames.extend(masked(FIN | TEXT, command.to_string().as_bytes()));
    }
    frames.extend(masked(FIN | CLOSE, &1000_u16.to_be_bytes()));
    client.write(&frames).await;
    assert_eq!(bob.recv_type("event").await["data"]["text"], "good bye");
    assert_eq!(client.expect_close().await, 1000);
}

#[tokio::test]
async fn sign_in_receives_the_http_request_and_a_renewal_receives_it_again() {
    let seen = Record::default();
    let record = seen.clone();
    let builder = Dialogue::builder().rooms::<Rooms>().authenticate(move |handshake| {
        let cookie = handshake.cookie("session").unwrap_or("none").to_owned();
        let query = handshake.query.clone().unwrap_or_default();
        let from_here = handshake.peer.is_some_and(|peer| peer.ip().is_loopback());
        record.note(format!("{cookie} {query} {} {from_here}", handshake.auth));
        async { Ok(Identity::user("ada")) }
    });
    let server = TestServer::start(builder).await;
    let mut client = TestClient::open_with(
        server.address(),
        "/dialogue/ws?tenant=acme",
        &[("Cookie", "session=s1")],
    )
    .await;
    client.connect(json!("first")).await;
    client
        .request(json!({ "type": "connect", "protocol": 1, "auth": "second", "resume": "unknown" }))
        .await;
    seen.expect(&["s1 tenant=acme \"first\" true", "s1 tenant=acme \"second\" true"])
        .await;
}

#[tokio::test]
async fn an_id_may_be_used_again_and_is_returned_each_time() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    for _ in 0..2 {
        ada.send(json!({ "type": "ping", "id": 7 })).await;
        ada.send(json!({ "type": "leave", "id": 7, "roomId": "chat" })).await;
        assert_eq!(ada.recv_type("pong").await["id"], 7);
        assert_eq!(ada.recv_type("error").await["id"], 7);
    }
    ada.send_text(r#"{"type":"ping","id":9223372036854775808}"#).await;
    let refused = ada.recv_type("error").await;
    assert_eq!((&refused["code"], refused.get("id")), (&json!("INVALID_REQUEST"), None));
}
