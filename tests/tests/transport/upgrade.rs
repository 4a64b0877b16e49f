//! The upgrade: which requests become a WebSocket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dialogue::prelude::*;
use dialogue::{Dialogue, Limits};
use dialogue_tests::raw::{FIN, TEXT, masked};
use dialogue_tests::{RawClient, Record, Rooms, TestClient, TestServer, within};
use serde_json::json;

#[tokio::test]
async fn a_page_of_another_origin_is_refused_before_any_hook_runs() {
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
        let (received, _) = RawClient::upgrade(server.address(), &[("Origin", origin)]).await;
        assert_eq!(received, status, "{origin}");
    }
    let two = [("Origin", own.as_str()), ("Origin", "https://evil.example")];
    assert_eq!(RawClient::upgrade(server.address(), &two).await.0, 403);
    assert_eq!(
        RawClient::upgrade(server.address(), &[]).await.0,
        101,
        "a request without an origin does not come from a page"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_request_that_is_not_a_websocket_handshake_is_not_upgraded() {
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
async fn the_application_can_choose_the_base_path() {
    let server = TestServer::with(|builder| builder.base_path("/live")).await;
    TestClient::open_with(server.address(), "/live/ws", &[]).await;
    assert_eq!(RawClient::upgrade(server.address(), &[]).await.0, 404);
}

#[tokio::test]
async fn a_connection_beyond_the_quota_of_an_address_is_answered_with_429() {
    let server = TestServer::limited(Limits::default().with_connections_per_address(1)).await;
    let first = server.connect_as("ada").await;
    assert_eq!(RawClient::upgrade(server.address(), &[]).await.0, 429);
    first.close().await;
    within("a free place", async {
        while RawClient::upgrade(server.address(), &[]).await.0 != 101 {}
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_never_finishes_its_headers_ends_at_the_connect_deadline() {
    let server = TestServer::limited(Limits::default().with_connect_deadline(Duration::from_millis(200))).await;
    let (status, _) = RawClient::http(server.address(), "GET /dialogue/ws HTTP/1.1\r\nHost: local").await;
    assert!(status == 0 || status == 408, "{status}");
}

#[tokio::test]
async fn authenticate_receives_headers_query_cookies_and_peer() {
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

#[tokio::test]
async fn the_server_reads_frames_that_arrive_with_the_upgrade_request_and_after_it() {
    let server = TestServer::with(|builder| builder).await;
    let address = server.address();
    let request = format!(
        "GET /dialogue/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    let connect = masked(FIN | TEXT, br#"{"type":"connect","protocol":1}"#);
    let join = masked(FIN | TEXT, br#"{"type":"join","id":1,"roomId":"chat"}"#);
    // The second frame is split in the middle.
    let (with_it, after) = join.split_at(10);
    let (status, mut client) = RawClient::http(address, [request.as_bytes(), &connect, with_it].concat()).await;
    assert_eq!(status, 101);
    let connected = client.recv().await.expect("an answer");
    assert!(connected.payload.starts_with(br#"{"type":"connected""#));
    client.write(after).await;
    let joined = client.recv().await.expect("an answer");
    assert!(joined.payload.starts_with(br#"{"type":"joined""#));
}
