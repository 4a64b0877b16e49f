//! Sockets: the upgrade, frames that break WebSocket's rules, sizes, silence, and the drain.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::routing::get;
use dialogue::prelude::*;
use dialogue::{Dialogue, Error, Limits};
use dialogue_tests::raw::{CONTINUATION, FIN, PING, TEXT, masked};
use dialogue_tests::{Chat, Gate, RawClient, Record, Rooms, TestClient, TestServer, message, until, within};
use serde_json::json;
use tokio_websockets::Message as WsMessage;

// ---- The upgrade ----

#[tokio::test]
async fn a_page_of_another_origin_is_refused_before_any_hook() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .allow_origin("https://good.example")
        .authenticate(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            async { Ok(Identity::user("ada")) }
        });
    let server = TestServer::start(builder).await;
    let own = format!("http://{}", server.address());
    for (origin, status) in [
        (own.as_str(), 101),
        ("https://good.example", 101),
        ("https://GOOD.example:443", 101),
        ("https://good.example.evil.example", 403),
        ("https://good.example:8443", 403),
        ("http://good.example", 403),
        ("https://evil.example", 403),
        ("http://127.0.0.1", 403),
        ("null", 403),
        ("", 403),
    ] {
        let (got, _) = RawClient::upgrade(server.address(), &[("Origin", origin)]).await;
        assert_eq!(got, status, "{origin}");
    }
    let two = [("Origin", own.as_str()), ("Origin", "https://evil.example")];
    assert_eq!(RawClient::upgrade(server.address(), &two).await.0, 403);
    assert_eq!(
        RawClient::upgrade(server.address(), &[]).await.0,
        101,
        "no page sends no origin"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_no_websocket_handshake_is_not_upgraded() {
    let server = TestServer::plain().await;
    let address = server.address();
    let good = [
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: keep-alive, Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ];
    let request =
        |method: &str, lines: &[&str]| format!("{method} /dialogue/ws HTTP/1.1\r\n{}\r\n\r\n", lines.join("\r\n"));
    assert_eq!(RawClient::http(address, &request("GET", &good)).await.0, 101);
    for (without, status) in [(1, 400..500), (2, 400..500), (3, 400..401), (4, 426..427)] {
        let mut lines = good.to_vec();
        lines.remove(without);
        let (got, _) = RawClient::http(address, &request("GET", &lines)).await;
        assert!(status.contains(&got), "without {}: {got}", good[without]);
    }
    let mut old = good;
    old[4] = "Sec-WebSocket-Version: 8";
    assert_eq!(RawClient::http(address, &request("GET", &old)).await.0, 426);
    let mut short = good;
    short[3] = "Sec-WebSocket-Key: c2hvcnQ=";
    assert_eq!(RawClient::http(address, &request("GET", &short)).await.0, 400);
    let (got, _) = RawClient::http(address, &request("POST", &good)).await;
    assert!((400..500).contains(&got), "{got}");
}

#[tokio::test]
async fn the_base_path_is_the_applications_to_choose() {
    let server = TestServer::with(|builder| builder.base_path("/live")).await;
    TestClient::open_with(server.address(), "/live/ws", &[]).await;
    assert_eq!(RawClient::upgrade(server.address(), &[]).await.0, 404);
}

#[tokio::test]
async fn an_address_over_its_quota_is_answered_429() {
    let server = TestServer::limited(Limits {
        connections_per_address: Some(1),
        ..Limits::default()
    })
    .await;
    let first = server.connect_as("ada").await;
    assert_eq!(RawClient::upgrade(server.address(), &[]).await.0, 429);
    first.close().await;
    within("a free place", async {
        while RawClient::upgrade(server.address(), &[]).await.0 != 101 {}
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_never_finishes_its_headers_is_ended_at_the_connect_deadline() {
    let server = TestServer::limited(Limits {
        connect_deadline: Duration::from_millis(200),
        ..Limits::default()
    })
    .await;
    let (status, _) = RawClient::http(server.address(), "GET /dialogue/ws HTTP/1.1\r\nHost: local").await;
    assert!(status == 0 || status == 408, "{status}");
}

#[tokio::test]
async fn authenticate_is_told_headers_query_cookies_and_peer() {
    let record = Record::default();
    let noted = record.clone();
    let builder = Dialogue::builder().rooms::<Rooms>().authenticate(move |handshake| {
        noted.note(format!(
            "{} {} {} {}",
            handshake.bearer_token().unwrap_or_default(),
            handshake.cookie("session").unwrap_or_default(),
            handshake.query.clone().unwrap_or_default(),
            handshake.peer.is_some()
        ));
        async { Ok(Identity::anonymous()) }
    });
    let server = TestServer::start(builder).await;
    let headers = [("Authorization", "Bearer t0ken"), ("Cookie", "a=b; session=s")];
    let mut client = TestClient::open_with(server.address(), "/dialogue/ws?room=7", &headers).await;
    client.connect(json!({})).await;
    record.expect(&["t0ken s room=7 true"]).await;
}

// ---- Frames ----

#[tokio::test]
async fn frames_that_break_websockets_rules_are_closed_with_1002_or_1007() {
    let server = TestServer::plain().await;
    let mut healthy = server.joined("ada", "chat").await;
    let unmasked = b"\x81\x0f{\"type\":\"ping\"}".to_vec();
    let continued_by_text = [masked(TEXT, b"{"), masked(FIN | TEXT, b"}")].concat();
    for (what, bytes, code) in [
        ("an unmasked frame", unmasked, 1002),
        ("RSV1", masked(FIN | 0x40 | TEXT, b"{}"), 1002),
        ("RSV2", masked(FIN | 0x20 | TEXT, b"{}"), 1002),
        ("RSV3", masked(FIN | 0x10 | TEXT, b"{}"), 1002),
        ("an unknown data opcode", masked(FIN | 0x3, b"{}"), 1002),
        ("an unknown control opcode", masked(FIN | 0xb, b""), 1002),
        ("a fragmented ping", masked(PING, b"x"), 1002),
        ("a ping of 126 bytes", masked(FIN | PING, &[0; 126]), 1002),
        ("a continuation of nothing", masked(FIN | CONTINUATION, b"{}"), 1002),
        ("a message inside a message", continued_by_text, 1002),
        ("a close of one byte", masked(FIN | 0x8, b"x"), 1002),
        (
            "a close with a reserved code",
            masked(FIN | 0x8, &1005u16.to_be_bytes()),
            1002,
        ),
        ("bad UTF-8", masked(FIN | TEXT, b"{\"type\":\"\xff\"}"), 1007),
        ("half a character", masked(FIN | TEXT, b"\xe2\x82"), 1007),
        ("a surrogate", masked(FIN | TEXT, b"\xed\xa0\x80"), 1007),
        (
            "a header claiming 2^63 - 1 bytes",
            [vec![0x81, 0xff], (u64::MAX >> 1).to_be_bytes().to_vec()].concat(),
            1009,
        ),
        (
            "a header claiming 2^64 - 1 bytes",
            [vec![0x81, 0xff], u64::MAX.to_be_bytes().to_vec()].concat(),
            1009,
        ),
    ] {
        let mut client = RawClient::connected(server.address()).await;
        client.write(&bytes).await;
        let got = client.expect_close().await;
        assert_eq!(got, code, "{what}");
    }
    assert_eq!(healthy.say("chat", "all is well").await["type"], "ok");
}

#[tokio::test]
async fn a_binary_message_is_closed_with_1003() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    ada.send_message(WsMessage::binary(&b"{\"type\":\"ping\"}"[..])).await;
    assert_eq!(ada.expect_close().await, 1003);
    let mut first = server.open().await;
    first
        .send_message(WsMessage::binary(&b"{\"type\":\"connect\",\"protocol\":1}"[..]))
        .await;
    assert_eq!(first.expect_close().await, 1003);
}

/// A `ping` of exactly so many bytes.
fn ping_of(bytes: usize) -> Vec<u8> {
    let frame = |padding: usize| format!(r#"{{"type":"ping","padding":"{}"}}"#, "x".repeat(padding));
    let empty = frame(0).len();
    frame(bytes - empty).into_bytes()
}

#[tokio::test]
async fn a_message_of_the_limit_is_taken_and_one_byte_more_is_closed_with_1009_whole_or_in_fragments() {
    let limit = 1_000;
    let server = TestServer::limited(Limits {
        message_bytes: limit,
        ..Limits::default()
    })
    .await;
    for (bytes, taken) in [(limit, true), (limit + 1, false)] {
        let payload = ping_of(bytes);
        let (half, rest) = payload.split_at(bytes / 2);
        let whole = masked(FIN | TEXT, &payload);
        let fragments = [masked(TEXT, half), masked(FIN | CONTINUATION, rest)].concat();
        for wire in [whole, fragments] {
            let mut client = RawClient::connected(server.address()).await;
            client.write(&wire).await;
            if taken {
                let pong = client.recv().await.expect("a pong");
                assert_eq!(pong.payload, br#"{"type":"pong"}"#);
            } else {
                assert_eq!(client.expect_close().await, 1009);
            }
        }
    }
}

#[tokio::test]
async fn a_message_may_come_in_many_fragments_with_pings_between() {
    let server = TestServer::plain().await;
    let mut client = RawClient::connected(server.address()).await;
    let payload = br#"{"type":"ping","id":7}"#;
    client.send(TEXT, &payload[..1]).await;
    for byte in &payload[1..payload.len() - 1] {
        client.send(CONTINUATION, &[*byte]).await;
    }
    client.send(FIN | PING, b"still there?").await;
    client.send(FIN | CONTINUATION, &payload[payload.len() - 1..]).await;
    let pong = client.recv().await.expect("the answer to the WebSocket ping");
    assert_eq!((pong.opcode, pong.payload.as_slice()), (0xa, &b"still there?"[..]));
    let pong = client.recv().await.expect("the answer to the request");
    assert_eq!(pong.payload, br#"{"type":"pong","id":7}"#);
}

#[tokio::test]
async fn endless_fragments_are_ended_within_a_bound() {
    let server = TestServer::limited(Limits {
        message_bytes: 1_000,
        ..Limits::default()
    })
    .await;
    for piece in [&b"x"[..], b""] {
        let mut client = RawClient::connected(server.address()).await;
        client.send(TEXT, piece).await;
        let fragments = masked(CONTINUATION, piece).repeat(1_000);
        let sent = async {
            let mut writes = 0;
            while writes < 1_000 && !client.is_closed().await {
                client.write(&fragments).await;
                writes += 1;
            }
            writes
        };
        assert!(within("the end of endless fragments", sent).await < 1_000);
        let code = client.expect_close().await;
        assert!(code == 1009 || code == 1006, "{code}");
    }
}

#[tokio::test]
async fn a_flood_of_pings_or_empty_frames_is_closed_with_4503_while_others_are_served() {
    let server = TestServer::plain().await;
    let mut healthy = server.joined("ada", "chat").await;
    for frame in [masked(FIN | PING, b""), masked(FIN | 0xa, b""), masked(FIN | TEXT, b"")] {
        let mut flooder = RawClient::connected(server.address()).await;
        flooder.write(&frame.repeat(1_000)).await;
        assert_eq!(healthy.say("chat", "hi").await["type"], "ok");
        assert_eq!(flooder.expect_close().await, 4503);
    }
}

#[tokio::test]
async fn a_close_is_answered_with_a_close() {
    let server = TestServer::plain().await;
    let mut client = RawClient::connected(server.address()).await;
    client.send(FIN | 0x8, &1000u16.to_be_bytes()).await;
    assert_eq!(client.expect_close().await, 1000);
    assert!(client.recv().await.is_none(), "then the server ends the connection");
    until("the client's end", || server.clients().is_empty()).await;
}

// ---- Silence ----

#[tokio::test]
async fn a_silent_client_is_pinged_and_one_that_does_not_answer_is_ended() {
    let record = Record::default();
    let (disconnected, left) = (record.clone(), record.clone());
    let server = TestServer::with(|builder| {
        builder
            .limits(Limits {
                ping_interval: Duration::from_millis(50),
                ping_timeout: Duration::from_millis(50),
                ..Limits::default()
            })
            .on_disconnected(move |_| {
                disconnected.note("disconnected");
                async {}
            })
            .on_left(move |_, _| {
                left.note("left");
                async {}
            })
    })
    .await;
    let mut silent = RawClient::connected(server.address()).await;
    silent.send(FIN | TEXT, br#"{"type":"join","roomId":"chat"}"#).await;
    silent.recv().await.expect("joined");
    let ping = silent.recv().await.expect("a ping");
    assert_eq!(ping.opcode, PING);
    assert_eq!(silent.expect_close().await, 1001);
    record.expect(&["disconnected", "left"]).await;
    assert_eq!(server.room(Chat).expect("the room").size(), 0);
    assert!(record.rest().await.is_empty(), "hooks run once");
}

#[tokio::test]
async fn a_silent_client_that_answers_pings_stays() {
    let server = TestServer::limited(Limits {
        ping_interval: Duration::from_millis(20),
        ping_timeout: Duration::from_secs(20),
        ..Limits::default()
    })
    .await;
    let mut client = RawClient::connected(server.address()).await;
    for _ in 0..3 {
        let ping = client.recv().await.expect("a ping");
        assert_eq!(ping.opcode, PING);
        client.send(FIN | 0xa, &ping.payload).await;
    }
    assert_eq!(server.clients().len(), 1);
}

/// A client in `chat` that reads nothing more.
async fn stuck_reader(server: &TestServer) -> RawClient {
    let mut stuck = RawClient::connected(server.address()).await;
    stuck.send(FIN | TEXT, br#"{"type":"join","roomId":"chat"}"#).await;
    stuck.recv().await.expect("joined");
    stuck
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_cut_with_4000_and_nobody_waits_for_it() {
    let frames = Limits {
        queue_frames: 8,
        ..Limits::default()
    };
    let bytes = Limits {
        queue_bytes: 10_000,
        replay_bytes: 1_000,
        history_page_bytes: 1_000,
        ..Limits::default()
    };
    for limits in [frames, bytes] {
        let server = TestServer::limited(limits).await;
        let mut stuck = stuck_reader(&server).await;
        let text = "x".repeat(1_000);
        let chat = server.room(Chat).expect("the room");
        within("the cut", async {
            while chat.size() > 0 {
                server.trigger(Chat, message(&text)).await.expect("an event");
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(stuck.expect_close().await, 4000);
    }
}

#[tokio::test]
async fn a_write_that_makes_no_progress_is_given_up_at_its_deadline() {
    let server = TestServer::limited(Limits {
        queue_bytes: 1 << 30,
        write_deadline: Duration::from_millis(200),
        ..Limits::default()
    })
    .await;
    let _stuck = stuck_reader(&server).await;
    // More than the kernel takes over for a reader, and less than the queue holds.
    for _ in 0..16 {
        let username = "x".repeat(1 << 20);
        server
            .trigger(Chat, dialogue_tests::UserJoined { username })
            .await
            .expect("an event");
    }
    until("the cut", || server.clients().is_empty()).await;
    assert_eq!(server.room(Chat).expect("the room").size(), 0);
}

// ---- The drain ----

#[tokio::test]
async fn stop_flushes_what_waits_closes_with_1012_and_returns() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let mut silent = server.open().await;
    for number in 0..100 {
        server
            .trigger(Chat, message(&number.to_string()))
            .await
            .expect("an event");
    }
    server.stop().await;
    assert_eq!(ada.expect_close().await, 1012);
    for number in 0..100 {
        assert_eq!(ada.recv().await["data"]["text"], number.to_string());
    }
    assert_eq!(silent.expect_close().await, 1012);
    assert!(server.clients().is_empty());
}

#[tokio::test]
async fn a_stopped_server_does_nothing_more() {
    let server = TestServer::plain().await;
    let address = server.address();
    server.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens");
    assert_eq!(
        server.trigger(Chat, message("hi")).await,
        Err(dialogue::TriggerError::Stopped)
    );
    let created = server.create_room(dialogue_tests::Project { id: 7 }).await;
    assert_eq!(created.err(), Some(dialogue::CreateRoomError::Stopped));
    assert!(matches!(server.start(([127, 0, 0, 1], 0)).await, Err(Error::Stopped)));
    server.stop().await;
}

#[tokio::test]
async fn every_call_of_stop_waits_for_the_same_end() {
    let server = TestServer::plain().await;
    let _ada = server.joined("ada", "chat").await;
    let (one, two, three) = within("the end of the drain", async {
        tokio::join!(
            server.dialogue().stop(),
            server.dialogue().stop(),
            server.dialogue().stop()
        )
    })
    .await;
    for stopped in [one, two, three] {
        stopped.expect("the drain ends by itself");
    }
}

#[tokio::test]
async fn hooks_and_handlers_that_are_at_work_are_waited_for() {
    let (gate, record) = (Gate::default(), Record::default());
    let server = TestServer::plain().await;
    let (held, noted) = (gate.clone(), record.clone());
    server.on(Chat, move |_: EventMessage<dialogue_tests::Message>| {
        let (held, noted) = (held.clone(), noted.clone());
        async move {
            held.pass().await;
            noted.note("handled");
        }
    });
    server.trigger(Chat, message("hi")).await.expect("an event");
    gate.arrival().await;
    let stopping = tokio::spawn({
        let dialogue = server.dialogue().clone();
        async move { dialogue.stop().await }
    });
    until("the drain to begin", || !server.is_listening()).await;
    assert!(!stopping.is_finished());
    gate.open();
    within("the end of the drain", stopping)
        .await
        .expect("no panic")
        .expect("the drain ends by itself");
    record.expect(&["handled"]).await;
}

#[tokio::test]
async fn what_does_not_end_is_ended_by_force_at_the_drains_deadline() {
    let server = TestServer::limited(Limits {
        drain_deadline: Duration::from_millis(200),
        hook_deadline: Duration::from_secs(3_600),
        ..Limits::default()
    })
    .await;
    let gate = Gate::default();
    let held = gate.clone();
    server.on(Chat, move |_: EventMessage<dialogue_tests::Message>| {
        let held = held.clone();
        async move { held.pass().await }
    });
    server.trigger(Chat, message("hi")).await.expect("an event");
    gate.arrival().await;
    let stopped = within("the drain's deadline", server.dialogue().stop()).await;
    assert!(
        matches!(stopped, Err(Error::DrainTimedOut { remaining }) if remaining > 0),
        "{stopped:?}"
    );
}

/// Sends this process a SIGTERM. Only who waits for signals takes note.
#[cfg(unix)]
fn terminate() {
    let status = std::process::Command::new("kill")
        .args(["-TERM", &std::process::id().to_string()])
        .status();
    assert!(status.expect("there is a `kill`").success());
}

#[cfg(unix)]
#[tokio::test]
async fn serve_drains_at_a_signal_and_a_second_one_ends_it_at_once() {
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .build()
        .expect("a server");
    let gate = Gate::default();
    let held = gate.clone();
    dialogue.on(Chat, move |_: EventMessage<dialogue_tests::Message>| {
        let held = held.clone();
        async move { held.pass().await }
    });
    // An address of this test's own, so that nobody takes the port meanwhile.
    let probe = std::net::TcpListener::bind("127.0.0.77:0").expect("a port");
    let address = probe.local_addr().expect("an address");
    drop(probe);
    let serving = tokio::spawn({
        let dialogue = dialogue.clone();
        async move { dialogue.serve(address).await }
    });
    within("the server", async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut ada = TestClient::connect_as(address, "ada").await;
    ada.join("chat").await;
    ada.say("chat", "hold the drain up").await;
    gate.arrival().await;
    terminate();
    assert_eq!(ada.expect_close().await, 1012);
    assert!(!serving.is_finished(), "the handler is waited for");
    terminate();
    within("the end at once", serving)
        .await
        .expect("no panic")
        .expect("a drain that was cut short by whoever runs it");
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_and_harms_nobody() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let other = Dialogue::builder().build().expect("a server");
    let taken = other.start(server.address()).await;
    assert!(
        matches!(taken, Err(Error::Bind { address, .. }) if address == server.address()),
        "{taken:?}"
    );
    let served = within("an error", other.serve(server.address())).await;
    assert!(matches!(served, Err(Error::Bind { .. })), "{served:?}");
    assert_eq!(ada.say("chat", "hi").await["type"], "ok");
}

// ---- In another application ----

#[tokio::test]
async fn the_router_is_served_within_another_application_by_axum_too() {
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .build()
        .expect("a server");
    let app = axum::Router::new()
        .route("/hello", get(|| async { "hello" }))
        .merge(dialogue.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    assert_eq!(RawClient::http(address, &request("/hello")).await.0, 200);
    assert_eq!(RawClient::http(address, &request("/dialogue/ready")).await.0, 200);
    let mut ada = TestClient::connect_as(address, "ada").await;
    ada.join("chat").await;
    assert_eq!(ada.say("chat", "hi").await["type"], "ok");
    within("the end of the drain", dialogue.stop()).await.expect("it ends");
    assert_eq!(ada.expect_close().await, 1012);
    // The application's own server listens on; only Dialogue has stopped.
    assert_eq!(RawClient::upgrade(address, &[]).await.0, 503);
    assert_eq!(RawClient::http(address, &request("/dialogue/ready")).await.0, 503);
    assert_eq!(RawClient::http(address, &request("/hello")).await.0, 200);
}

#[tokio::test]
async fn start_router_serves_the_applications_own_routes() {
    let dialogue = Dialogue::builder().rooms::<Rooms>().build().expect("a server");
    let app = axum::Router::new()
        .route("/hello", get(|| async { "hello" }))
        .merge(dialogue.router());
    let address = dialogue.start_router(([127, 0, 0, 1], 0), app).await.expect("a port");
    let hello = format!("GET /hello HTTP/1.1\r\nHost: {address}\r\n\r\n");
    assert_eq!(RawClient::http(address, &hello).await.0, 200);
    assert_eq!(RawClient::upgrade(address, &[]).await.0, 101);
}
