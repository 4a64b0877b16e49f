//! What the server logs of hooks, refusals and disconnects, and at which level.

use std::time::{Duration, SystemTime};

use dialogue::jwt::Jwt;
use dialogue::prelude::*;
use dialogue::{Dialogue, Limits};
use dialogue_tests::raw::{FIN, TEXT};
use dialogue_tests::{CapturedLog, Chat, Message, RawClient, Record, Rooms, TestServer, message, within};
use serde_json::json;

/// A failure of a hook.
fn broken<T>() -> Result<T, HookError> {
    Err(std::io::Error::other("no database").into())
}

/// The fields that the line of a hook has, besides `hook` and `error`.
const ROOM: &str = "room=chat";
const EVENT: &str = "event=message";
const USER: &str = "user=ada";
const CLIENT: &str = "client=";
const PEER: &str = "peer=127.0.0.1:";

#[tokio::test]
async fn the_line_of_a_failed_hook_names_room_event_user_client_and_peer() {
    let log = CapturedLog::default();
    let server = TestServer::with(|builder| {
        builder
            .logger(log.dispatch())
            .on_connected(|_| async { broken::<()>() })
            .on_disconnected(|_, _| async { broken::<()>() })
            .before_join(|client, _| async move {
                match client.user_id().as_str() {
                    "ada" => broken(),
                    _ => Ok(()),
                }
            })
            .on_joined(|_, _, _| async { broken::<()>() })
            .on_left(|_, _, _| async { broken::<()>() })
            .authorize(|client, _, _, _| async move {
                match client.user_id().as_str() {
                    "bob" => broken(),
                    _ => Ok(()),
                }
            })
            .before_each(|message, _| async move {
                match message.data["text"].as_str() {
                    Some("stop") => broken(),
                    _ => Ok(message),
                }
            })
            .after_each(|_, _| broken())
            .on_triggered(|_, _| async { broken::<()>() })
            .load_history(|_| async { broken() })
    })
    .await;
    server.on(Chat, |_: EventMessage<Message>| async { broken::<()>() });
    let mut ada = server.connect_as("ada").await;
    ada.request(json!({ "type": "join", "roomId": "chat" })).await;
    let mut bob = server.joined("bob", "chat").await;
    bob.say("chat", "hi").await;
    let mut cid = server.joined("cid", "chat").await;
    cid.say("chat", "stop").await;
    cid.say("chat", "hi").await;
    cid.request(json!({ "type": "history", "roomId": "chat", "event": "message", "before": 1, "limit": 5 }))
        .await;
    cid.close().await;
    let cid = "user=cid";
    for (hook, fields) in [
        ("on_connected", &[USER, CLIENT, PEER][..]),
        ("before_join", &[ROOM, USER, CLIENT, PEER]),
        ("on_joined", &[ROOM, "user=bob", CLIENT, PEER]),
        ("authorize", &[ROOM, EVENT, "user=bob", CLIENT, PEER]),
        ("before_each", &[ROOM, EVENT, cid, CLIENT, PEER]),
        ("after_each", &[ROOM, EVENT, cid, CLIENT, PEER]),
        ("on_triggered", &[ROOM, EVENT, cid, CLIENT, PEER]),
        ("on", &[ROOM, EVENT, cid, CLIENT, PEER]),
        ("load_history", &[ROOM, EVENT, cid, CLIENT, PEER]),
        ("on_disconnected", &[cid, CLIENT, PEER]),
        ("on_left", &[ROOM, cid, CLIENT, PEER]),
    ] {
        let hook = format!("hook=\"{hook}\"");
        let line = log.line_with(&["ERROR", &hook, "no database"]).await;
        for field in fields {
            assert!(line.contains(field), "{field}: {line}");
        }
    }
}

#[tokio::test]
async fn a_sign_in_that_fails_or_is_refused_names_the_peer_and_only_the_failure_is_an_error() {
    let log = CapturedLog::default();
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .logger(log.everything())
        .authenticate(|handshake| async move {
            match handshake.auth["token"].as_str() {
                Some("bad") => refuse("unknown token"),
                _ => broken(),
            }
        });
    let server = TestServer::start(builder).await;
    for token in ["bad", "good"] {
        let mut client = server.open().await;
        client
            .send(json!({ "type": "connect", "protocol": 1, "auth": { "token": token } }))
            .await;
        client.expect_close().await;
    }
    let line = log.line_with(&["INFO", "code=4500", "unknown token"]).await;
    assert!(line.contains(PEER), "{line}");
    let line = log.line_with(&["ERROR", "hook=\"authenticate\"", "no database"]).await;
    assert!(line.contains(PEER), "{line}");
    let errors = log.text().lines().filter(|line| line.contains("ERROR")).count();
    assert_eq!(errors, 1, "{}", log.text());
}

#[tokio::test]
async fn a_bad_token_is_logged_with_the_peer_and_is_no_error() {
    let log = CapturedLog::default();
    let jwt = Jwt::hs256(b"a secret of at least 32 bytes ......");
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .logger(log.everything())
        .authenticate_jwt(jwt);
    let server = TestServer::start(builder).await;
    for token in [
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJleHAiOjQ4MDAwMDAwMDB9.",
        "s3cret",
        "",
    ] {
        let mut client = server.open().await;
        client
            .send(json!({ "type": "connect", "protocol": 1, "auth": { "token": token } }))
            .await;
        assert_eq!(client.expect_close().await, 4500);
    }
    let line = log.line_with(&["INFO", "the token is not valid"]).await;
    assert!(line.contains(PEER), "{line}");
    let text = log.text();
    assert!(!text.contains("ERROR") && !text.contains("WARN"), "{text}");
    assert!(!text.contains("s3cret") && !text.contains("eyJ"), "{text}");
}

#[tokio::test]
async fn no_mistake_of_a_client_is_logged_as_an_error() {
    let log = CapturedLog::default();
    let limits = Limits::default()
        .with_message_bytes(5_000)
        .with_inbound_frames(40)
        .with_connections_per_user(1);
    let server = TestServer::with(|builder| builder.limits(limits).logger(log.everything())).await;
    let address = server.address();
    for id in ["system", " ", &"x".repeat(129), "a\u{7}b"] {
        let mut client = server.open().await;
        client
            .send(json!({ "type": "connect", "protocol": 1, "auth": { "userId": id } }))
            .await;
        assert_eq!(client.expect_close().await, 4500, "{id}");
    }
    for first in [
        r#"{"type":"connect","protocol":2}"#,
        r#"{"type":"join","roomId":"chat"}"#,
        "no JSON",
    ] {
        let mut client = server.open().await;
        client.send_text(first).await;
        if first == "no JSON" {
            client.recv_type("error").await;
        } else {
            client.expect_close().await;
        }
    }
    let mut ada = server.joined("ada", "chat").await;
    let second = server.open().await;
    drop(second);
    for request in [
        json!({ "type": "join", "roomId": "nowhere" }),
        json!({ "type": "join", "roomId": "a\r\nERROR b" }),
        json!({ "type": "join", "roomId": "x".repeat(3_000) }),
        json!({ "type": "trigger", "roomId": "chat", "event": "a\r\nERROR b", "data": {} }),
        json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": 7 } }),
        json!({ "type": "trigger", "roomId": "booth", "event": "message", "data": { "text": "hi" } }),
        json!({ "type": "createRoom", "room": { "id": "table-x" } }),
        json!({ "type": "history", "roomId": "chat", "event": "nothing" }),
        json!({ "type": "deleteRoom", "roomId": "chat" }),
        json!({ "type": "dance" }),
    ] {
        assert_eq!(ada.request(request.clone()).await["type"], "error", "{request}");
    }
    for breach in [
        &[0xf1, 0x80][..],
        &[0x82, 0x80, 0, 0, 0, 0],
        &[0x81, 0x81, 0, 0, 0, 0, 0xff],
    ] {
        let mut raw = RawClient::connected(address).await;
        raw.write(breach).await;
        raw.expect_close().await;
    }
    let mut large = RawClient::connected(address).await;
    large.send(FIN | TEXT, &[b' '; 6_000]).await;
    assert_eq!(large.expect_close().await, 1009);
    let mut flood = RawClient::connected(address).await;
    for _ in 0..100 {
        flood.send(FIN | TEXT, br#"{"type":"ping"}"#).await;
    }
    assert_eq!(flood.expect_close().await, 4503);
    RawClient::upgrade(address, &[("Origin", "https://evil.example")]).await;
    RawClient::http(address, "NONSENSE\r\n\r\n").await;
    log.line_with(&["4503", PEER]).await;
    let text = log.text();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        assert!(
            words.next().is_some_and(|time| time.ends_with('Z')),
            "one line each: {line:?}"
        );
        assert!(
            matches!(words.next(), Some("INFO" | "DEBUG" | "WARN" | "TRACE")),
            "{line}"
        );
        assert!(line.len() < 1_000, "{line}");
    }
}

/// A server that notes how each connection ends.
struct Ends {
    server: TestServer,
    log: CapturedLog,
    record: Record,
}

impl Ends {
    async fn of(limits: Limits) -> Self {
        let (log, record) = (CapturedLog::default(), Record::default());
        let noted = record.clone();
        let builder = Dialogue::builder()
            .rooms::<Rooms>()
            .limits(limits)
            .logger(log.everything())
            .authenticate(|handshake| async move {
                let identity = Identity::user(handshake.auth["user"].as_str().unwrap_or_default());
                Ok(match handshake.auth["seconds"].as_f64() {
                    Some(lasts) => identity.with_expiry(SystemTime::now() + Duration::from_secs_f64(lasts)),
                    None => identity,
                })
            })
            .on_disconnected(move |client, end| {
                noted.note(format!("{} {end:?}", client.user_id()));
                async { Ok(()) }
            });
        let server = TestServer::start(builder).await;
        Self { server, log, record }
    }

    async fn open(&self, auth: serde_json::Value) -> RawClient {
        let mut raw = RawClient::open(self.server.address()).await;
        let connect = json!({ "type": "connect", "protocol": 1, "auth": auth }).to_string();
        raw.send(FIN | TEXT, connect.as_bytes()).await;
        raw.recv().await.expect("connected");
        raw
    }

    async fn connect(&self, user: &str) -> RawClient {
        self.open(json!({ "user": user })).await
    }

    /// Checks what `on_disconnected` learned of the last end, and its line in the log.
    async fn check(&self, user: &str, passed_on: &[&str], level: &str, logged: &[&str]) {
        let end = self.record.next().await;
        assert!(end.starts_with(user), "{end}");
        for part in passed_on {
            assert!(end.contains(part), "{part}: {end}");
        }
        let user = format!("user={user}");
        let line = self
            .log
            .line_with(&[&["disconnected", &*user, CLIENT, PEER], logged].concat())
            .await;
        assert!(line.contains(&format!(" {level} ")), "{level}: {line}");
    }
}

#[tokio::test]
async fn each_end_of_a_connection_is_logged_counted_and_passed_on_with_its_reason() {
    let ends = Ends::of(Limits::default().with_queue_frames(8)).await;
    let mut closes = ends.connect("closes").await;
    closes.send(FIN | 0x8, &1001_u16.to_be_bytes()).await;
    closes.expect_close().await;
    let passed_on = ["code: None", "client_code: Some(1001)"];
    ends.check("closes", &passed_on, "DEBUG", &["client_code=1001"]).await;

    let mut wordless = ends.connect("wordless").await;
    wordless.send(FIN | 0x8, b"").await;
    wordless.expect_close().await;
    let passed_on = ["code: None", "client_code: Some(1005)"];
    ends.check("wordless", &passed_on, "DEBUG", &["client_code=1005"]).await;

    drop(ends.connect("lost").await);
    let passed_on = ["code: None", "client_code: None"];
    ends.check("lost", &passed_on, "DEBUG", &["the connection was lost"])
        .await;

    let mut expires = ends.open(json!({ "user": "expires", "seconds": 0.1 })).await;
    assert_eq!(expires.expect_close().await, 4001);
    let passed_on = ["SessionExpired", "client_code: None"];
    ends.check("expires", &passed_on, "DEBUG", &["code=4001"]).await;

    let mut slow = ends.connect("slow").await;
    slow.send(FIN | TEXT, br#"{"type":"join","roomId":"chat"}"#).await;
    slow.recv().await.expect("joined");
    let chat = ends.server.room(Chat).await.expect("the room");
    within("the disconnect", async {
        while chat.size().await > 0 {
            let large = message(&"x".repeat(1_000));
            ends.server.trigger(Chat, large).await.expect("an event");
            tokio::task::yield_now().await;
        }
    })
    .await;
    let passed_on = ["SlowConsumer", "too slowly"];
    ends.check("slow", &passed_on, "INFO", &["code=4000", "too slowly"])
        .await;

    let mut breaks = ends.connect("breaks").await;
    breaks.send(FIN | 0x70 | TEXT, b"{}").await;
    assert_eq!(breaks.expect_close().await, 1002);
    ends.check("breaks", &["ProtocolError"], "INFO", &["code=1002"]).await;

    let _kicked = ends.connect("kicked").await;
    ends.server.here().clients_of("kicked")[0].disconnect().await;
    let passed_on = ["Disconnected", "disconnected by the server"];
    ends.check("kicked", &passed_on, "DEBUG", &["code=4501"]).await;

    let _stays = ends.connect("stays").await;
    ends.server.stop().await;
    let passed_on = ["Restarting", "the server is restarting"];
    ends.check("stays", &passed_on, "DEBUG", &["code=1012"]).await;

    let stats = ends.server.stats();
    assert_eq!(stats.closes.total(), 5, "{:?}", stats.closes);
    assert_eq!((stats.closed_by_clients, stats.connections_lost), (3, 1));
}

#[tokio::test]
async fn a_client_that_floods_is_told_apart() {
    let ends = Ends::of(Limits::default().with_inbound_frames(20)).await;
    let mut floods = ends.connect("floods").await;
    for _ in 0..100 {
        floods.send(FIN | TEXT, br#"{"type":"ping"}"#).await;
    }
    assert_eq!(floods.expect_close().await, 4503);
    let passed_on = ["Flooding", "too many frames"];
    ends.check("floods", &passed_on, "INFO", &["code=4503"]).await;
}

#[tokio::test]
async fn a_silent_client_is_told_apart_from_a_lost_connection() {
    let limits = Limits::default()
        .with_ping_interval(Duration::from_millis(50))
        .with_ping_timeout(Duration::from_millis(50));
    let ends = Ends::of(limits).await;
    let _silent = ends.connect("silent").await;
    let passed_on = ["GoingAway", "silent for too long"];
    ends.check("silent", &passed_on, "INFO", &["code=1001", "silent for too long"])
        .await;
}

#[tokio::test]
async fn text_that_a_client_chose_takes_one_line_in_any_subscriber() {
    let log = CapturedLog::default();
    let server = TestServer::with(|builder| {
        builder
            .logger(log.everything())
            .on_connected(|_| async { Err::<(), _>("first\nsecond\u{2028}third".into()) })
            .before_join(|_, _| async { Err(Refusal::because("no\r\nentry", std::io::Error::other("a\nb")).into()) })
    })
    .await;
    let mut ada = server.connect_as("ada\u{202e}\u{2028}").await;
    for room in ["chat", "a\r\nb", "\u{202e}evil", "__proto__", "*", &"x".repeat(129)] {
        ada.request(json!({ "type": "join", "roomId": room })).await;
        ada.request(json!({ "type": "trigger", "roomId": "chat", "event": room }))
            .await;
    }
    log.line_with(&["first", "second"]).await;
    ada.close().await;
    log.line_with(&["disconnected"]).await;
    for line in log.text().lines() {
        let time = line.split(' ').next();
        assert!(time.is_some_and(|time| time.ends_with('Z')), "{line:?}");
        assert!(!line.contains(['\u{202e}', '\u{2028}', '\r']), "{line:?}");
    }
}
