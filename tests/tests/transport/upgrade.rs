//! The upgrade: which requests become a WebSocket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dialogue::prelude::*;
use dialogue::{Dialogue, Limits};
use dialogue_tests::raw::{FIN, TEXT, masked};
use dialogue_tests::{CapturedLog, RawClient, Record, Rooms, TestClient, TestServer, within};
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
async fn a_pattern_allows_the_subdomains_of_a_host_and_no_lookalikes() {
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .allow_origin("https://*.Good.example")
        .allow_origin("http://*.localhost:3000");
    let server = TestServer::start(builder).await;
    for (origin, status) in [
        ("https://a.good.example", 101),
        ("https://A.b-c.GOOD.example:443", 101),
        ("http://app.localhost:3000", 101),
        ("https://good.example", 403),
        ("https://.good.example", 403),
        ("https://a..good.example", 403),
        ("https://evilgood.example", 403),
        ("https://a.good.example.evil.example", 403),
        ("https://a.good.example:8443", 403),
        ("https://evil.example:443.good.example", 403),
        ("https://evil.example/.good.example", 403),
        ("https://a@b.good.example", 403),
        ("https://*.good.example", 403),
        ("http://a.good.example", 403),
        ("http://app.localhost", 403),
        ("null", 403),
    ] {
        let (received, _) = RawClient::upgrade(server.address(), &[("Origin", origin)]).await;
        assert_eq!(received, status, "{origin}");
    }
}

#[tokio::test]
async fn check_origin_decides_about_origins_that_are_not_allowed() {
    let asked = Record::default();
    let noted = asked.clone();
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .allow_origin("https://allowed.example")
        .check_origin(move |origin| {
            let of = (origin.scheme(), origin.host(), origin.port());
            noted.note(format!("{origin} {of:?} {:?}", origin.request.query));
            async move {
                match origin.host() {
                    "customer.example" | "[::1]" => Ok(()),
                    "broken.example" => Err(std::io::Error::other("the database is down").into()),
                    "panic.example" => panic!("a mistake"),
                    _ => refuse("not a customer"),
                }
            }
        })
        .check_origin(|origin| async move {
            match origin.scheme() {
                "https" => Ok(()),
                _ => refuse("not safe"),
            }
        })
        .authenticate(|_| async { Ok(Identity::anonymous()) });
    let server = TestServer::start(builder).await;
    let address = server.address();
    let own = format!("http://{address}");
    let ask = async |origin: &str| {
        let host = format!("Host: {address}");
        let request = upgrade_with("/dialogue/ws?a=b", &[&host, &format!("Origin: {origin}")]);
        RawClient::text(address, request).await
    };
    // These need no decision, or cannot get one.
    for (origin, status) in [
        (own.as_str(), 101),
        ("https://allowed.example", 101),
        ("null", 403),
        ("file://", 403),
        ("https://customer.example/", 403),
    ] {
        assert_eq!(ask(origin).await.0, status, "{origin}");
    }
    assert_eq!(RawClient::upgrade(address, &[]).await.0, 101);
    let two = [
        ("Origin", "https://customer.example"),
        ("Origin", "https://customer.example"),
    ];
    assert_eq!(RawClient::upgrade(address, &two).await.0, 403);
    assert_eq!(asked.rest().await, [""; 0]);
    for (origin, status, part) in [
        ("https://Customer.example:443", 101, ""),
        ("https://[::1]:3000", 101, ""),
        ("https://stranger.example", 403, "not a customer"),
        ("http://customer.example", 403, "not safe"),
        ("https://broken.example", 503, "try again"),
        ("https://panic.example", 503, "try again"),
    ] {
        let (received, body) = ask(origin).await;
        assert_eq!(received, status, "{origin}");
        assert!(body.contains(part) && !body.contains("database"), "{body}");
    }
    asked
        .expect(&[
            r#"https://customer.example ("https", "customer.example", None) Some("a=b")"#,
            r#"https://[::1]:3000 ("https", "[::1]", Some(3000)) Some("a=b")"#,
            r#"https://stranger.example ("https", "stranger.example", None) Some("a=b")"#,
            r#"http://customer.example ("http", "customer.example", None) Some("a=b")"#,
            r#"https://broken.example ("https", "broken.example", None) Some("a=b")"#,
            r#"https://panic.example ("https", "panic.example", None) Some("a=b")"#,
        ])
        .await;
    let request = upgrade_with("/dialogue/ws", &["Host: a", "Origin: https://broken.example"]);
    let head = RawClient::response_head(address, &request).await.to_lowercase();
    assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
}

#[tokio::test]
async fn a_pattern_of_origins_that_is_not_a_whole_subdomain_does_not_build() {
    for pattern in [
        "*",
        "https://*",
        "https://*.",
        "https://*.example..com",
        "https://*.example.com.",
        "https://*example.com",
        "https://**.example.com",
        "https://*.*.example.com",
        "https://a.*.example.com",
        "https://a*.example.com",
        "*://*.example.com",
        "*.example.com",
        "https://*.example.com:*",
        "https://*.example.com/",
        "https://*.0.0.1",
        "https://*.example.7",
        "https://*.0x7f",
        "https://*.[::1]",
    ] {
        let built = Dialogue::builder().rooms::<Rooms>().allow_origin(pattern).build();
        let error = built.err().unwrap_or_else(|| panic!("{pattern} builds")).to_string();
        assert!(error.contains(pattern), "{error}");
    }
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
async fn a_request_that_offers_another_protocol_is_answered_and_is_no_refused_websocket() {
    let log = CapturedLog::default();
    let server = TestServer::with(|builder| builder.logger(log.everything())).await;
    // Java's client offers HTTP/2 with each request over plain HTTP.
    let offer = "Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA";
    for (path, status) in [("/dialogue/ready", 200), ("/nothing", 404)] {
        let request = format!("GET {path} HTTP/1.1\r\n{offer}\r\n\r\n");
        assert_eq!(RawClient::http(server.address(), request).await.0, status);
    }
    assert!(!log.text().contains("refused an upgrade"), "{}", log.text());
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

/// An upgrade with these headers besides those of the handshake.
fn upgrade_with(path: &str, headers: &[&str]) -> String {
    let mut request = format!(
        "GET {path} HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    );
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request + "\r\n"
}

#[tokio::test]
async fn a_refused_origin_is_explained_in_the_response_and_in_the_log_with_both_remedies() {
    let log = CapturedLog::default();
    let server = TestServer::with(|builder| builder.logger(log.dispatch())).await;
    let address = server.address();
    // What proxies make of the host `app.example:8443`: nginx's `$host`, Apache's default, and a missing Host.
    for host in ["Host: app.example", "Host: 127.0.0.1:3000", "Host: app.example:443"] {
        let request = upgrade_with("/dialogue/ws", &[host, "Origin: https://app.example:8443"]);
        let (status, body) = RawClient::text(address, request).await;
        assert_eq!(status, 403);
        let host = host.trim_start_matches("Host: ");
        let line = log.line_with(&["WARN", "https://app.example:8443", host]).await;
        for text in [&body, &line] {
            for part in [
                "https://app.example:8443",
                host,
                "proxy_set_header Host $http_host",
                "allow_origin(\"https://app.example:8443\")",
            ] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
        assert!(line.contains("peer=127.0.0.1:"), "{line}");
    }
    let forwarded = [
        "Host: inside:3000",
        "X-Forwarded-Host: app.example",
        "Origin: https://app.example",
    ];
    let (status, body) = RawClient::text(address, upgrade_with("/dialogue/ws", &forwarded)).await;
    assert_eq!(status, 403, "a header that any client can send opens nothing");
    assert!(body.contains("X-Forwarded-Host"), "{body}");
}

#[tokio::test]
async fn an_origin_that_cannot_be_allowed_is_explained_too() {
    let server = TestServer::plain().await;
    let own = format!("Host: {}", server.address());
    let long = format!("Origin: https://{}.example", "x".repeat(3_000));
    for (origin, part) in [
        ("Origin: null", "sandbox"),
        ("Origin: file://", "sandbox"),
        ("Origin: https://a.example/\u{202e}", "not a valid origin"),
        (&long, "…"),
    ] {
        let (status, body) = RawClient::text(server.address(), upgrade_with("/dialogue/ws", &[&own, origin])).await;
        assert_eq!(status, 403, "{origin}");
        assert!(body.contains(part), "{part}: {body}");
        assert!(!body.contains("allow_origin(\"null") && body.len() < 2_000, "{body}");
        assert!(!body.contains('\u{202e}'), "{body:?}");
    }
    let own_origin = format!("Origin: http://{}", server.address());
    let two = [&*own, &*own_origin, "Origin: https://evil.example"];
    let (status, body) = RawClient::text(server.address(), upgrade_with("/dialogue/ws", &two)).await;
    assert_eq!(status, 403);
    assert!(body.contains("2 Origin headers"), "{body}");
    let (status, body) = RawClient::text(server.address(), upgrade_with("/dialogue/ws", &[&own_origin])).await;
    assert!(
        (status, body.contains("no Host")) == (403, true) || status == 400,
        "{status} {body}"
    );
}

#[tokio::test]
async fn each_refused_upgrade_says_what_happened_and_what_to_do_and_is_logged() {
    let log = CapturedLog::default();
    let limits = Limits::default().with_connections_per_address(1);
    let server = TestServer::with(|builder| builder.limits(limits).logger(log.dispatch())).await;
    let address = server.address();
    let own = format!("Host: {address}");
    let _first = server.connect_as("ada").await;
    let plain = format!("GET /dialogue/ws HTTP/1.1\r\n{own}\r\n\r\n");
    let post = upgrade_with("/dialogue/ws", &[&own]).replace("GET ", "POST ");
    let old = upgrade_with("/dialogue/ws", &[&own]).replace("Version: 13", "Version: 8");
    let keyless = upgrade_with("/dialogue/ws", &[&own]).replace("Sec-WebSocket-Key", "X-Key");
    let outdated = upgrade_with("/dialogue/ws", &[&own]).replace("HTTP/1.1", "HTTP/1.0");
    for (request, status, parts) in [
        (plain, 426, ["WebSocket client", "proxy_set_header Upgrade"]),
        (outdated, 426, ["WebSocket client", "proxy_http_version 1.1"]),
        (post, 405, ["GET", "WebSocket"]),
        (old, 426, ["version 13", "`8`"]),
        (keyless, 400, ["Sec-WebSocket-Key", "16 bytes"]),
        (
            upgrade_with("/dialogue/ws", &[&own]),
            429,
            ["connections_per_address = 1", "127.0.0.1"],
        ),
        (
            upgrade_with("/dialog/ws", &[&own]),
            404,
            ["`/dialog/ws`", "`/dialogue/ws`"],
        ),
        (upgrade_with("/", &[&own]), 404, ["`/`", "`/dialogue/ws`"]),
    ] {
        let (got, body) = RawClient::text(address, &request).await;
        assert_eq!(got, status, "{request}");
        for part in parts {
            assert!(body.contains(part), "{part}: {body}");
        }
        let line = log
            .line_with(&["INFO", &format!("status={status}"), "peer=127.0.0.1:", parts[0]])
            .await;
        assert!(line.contains("refused"), "{line}");
    }
    let lines = log.text().lines().filter(|line| line.contains("status=")).count();
    assert_eq!(lines, 8, "each once: {}", log.text());
    let page = format!("GET /nowhere HTTP/1.1\r\n{own}\r\n\r\n");
    let (status, body) = RawClient::text(address, page).await;
    assert_eq!(status, 404);
    assert!(body.contains("`/dialogue/ws`"), "{body}");
    assert_eq!(
        log.text().lines().filter(|line| line.contains("status=")).count(),
        lines,
        "no upgrade"
    );
}

#[tokio::test]
async fn the_server_selects_no_subprotocol_and_no_extension() {
    let server = TestServer::plain().await;
    let request = format!(
        "GET /dialogue/ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: dialogue, chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        server.address()
    );
    let head = RawClient::response_head(server.address(), &request)
        .await
        .to_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(!head.contains("sec-websocket-protocol"), "{head}");
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
}

#[tokio::test]
async fn an_upgrade_with_headers_over_the_limit_gets_431() {
    let server = TestServer::start(Dialogue::builder().rooms::<Rooms>()).await;
    let cookie = |bytes: usize| "x".repeat(bytes);
    let (status, _client) = RawClient::upgrade(server.address(), &[("Cookie", &cookie(31_000))]).await;
    assert_eq!(status, 101);
    for bytes in [33_000, 300_000] {
        let (status, _) = RawClient::upgrade(server.address(), &[("Cookie", &cookie(bytes))]).await;
        assert_eq!(status, 431, "{bytes}");
    }
    // Many small ones count as well, by their bytes and by their number.
    for (count, bytes) in [(80, 450), (99, 350), (1_000, 1), (5_000, 1)] {
        let names: Vec<_> = (0..count).map(|number| format!("x-{number}")).collect();
        let value = cookie(bytes);
        let headers: Vec<_> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
        let (status, _) = RawClient::upgrade(server.address(), &headers).await;
        assert_eq!(status, 431, "{count} headers of {bytes} bytes");
    }
    let request = format!(
        "GET /dialogue/ws?{} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        cookie(33_000),
        server.address()
    );
    assert_eq!(RawClient::http(server.address(), request).await.0, 431);
}
