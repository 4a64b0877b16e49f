//! Access to the inspector: its guard, and its protection against other sites.

use std::time::Duration;

use dialogue::{Handshake, Limits, refuse};
use dialogue_tests::{Gate, TestServer};
use serde_json::json;

use super::{JSON, ask, open, send, trigger, with};

#[tokio::test]
async fn there_is_no_inspector_unless_the_builder_enables_it() {
    let server = TestServer::plain().await;
    for path in ["inspect", "inspect/inspector.js", "inspect/rooms", "inspect/feed"] {
        assert_eq!(ask(server.address(), path).await.status, 404, "{path}");
    }
    assert_eq!(ask(server.address(), "ready").await.status, 200);
}

#[tokio::test]
async fn the_guard_runs_before_every_route_with_the_requests_credentials() {
    let server = TestServer::with(|builder| {
        builder.inspector(|request: Handshake| async move {
            let known = request.cookie("session") == Some("staff") && request.query.as_deref() == Some("q=1");
            if known && request.peer.is_some_and(|peer| peer.ip().is_loopback()) {
                return Ok(());
            }
            refuse("for staff")
        })
    })
    .await;
    let address = server.address();
    let cookie = "Cookie: session=staff\r\n";
    for path in [
        "inspect",
        "inspect/inspector.js",
        "inspect/rooms",
        "inspect/rooms/chat",
        "inspect/feed",
    ] {
        let refused = ask(address, &format!("{path}?q=1")).await;
        assert_eq!(refused.status, 403, "{path}");
        assert_eq!(refused.json()["message"], "for staff");
    }
    let event = json!({ "event": "message", "data": { "text": "hi" } });
    assert_eq!(trigger(address, "chat", event).await.status, 403);
    for path in ["inspect?q=1", "inspect/inspector.js?q=1", "inspect/rooms/chat?q=1"] {
        let answer = send(address, "GET", path, cookie, "").await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_guard_that_panics_fails_or_hangs_refuses_the_request() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let server = TestServer::with(|builder| {
        let limits = Limits::default().with_hook_deadline(Duration::from_millis(20));
        builder.limits(limits).inspector(move |request: Handshake| {
            let gate = waiting.clone();
            async move {
                match request.query.as_deref() {
                    Some("panic") => panic!("in the guard"),
                    Some("error") => Err(std::io::Error::other("the database's password"))?,
                    _ => gate.pass().await,
                }
                Ok(())
            }
        })
    })
    .await;
    for fault in ["panic", "error", "hang"] {
        let answer = ask(server.address(), &format!("inspect?{fault}")).await;
        assert_eq!(answer.status, 403, "{fault}");
        assert!(!answer.body.contains("password"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_guard_that_fails_is_told_apart_from_one_that_refuses() {
    let server = TestServer::with(|builder| {
        builder.inspector(|request: Handshake| async move {
            match request.query.as_deref() {
                Some("error") => Err("no database".into()),
                _ => refuse("not you"),
            }
        })
    })
    .await;
    for (query, code) in [("error", "UNAVAILABLE"), ("", "FORBIDDEN")] {
        let answer = ask(server.address(), &format!("inspect?{query}")).await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.json()["code"], code);
    }
}

#[tokio::test]
async fn every_response_has_headers_that_keep_its_content_from_running_as_code() {
    let server = open().await;
    for path in ["inspect", "inspect/inspector.js", "inspect/rooms", "inspect/rooms/none"] {
        let headers = ask(server.address(), path).await.headers;
        for header in [
            "default-src 'none'; script-src 'self';",
            "frame-ancestors 'none'",
            "x-frame-options: deny",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(headers.contains(header), "{path}: {header} is not in {headers}");
        }
        assert!(
            !headers.contains("unsafe-inline") && !headers.contains("access-control"),
            "{headers}"
        );
    }
}

#[tokio::test]
async fn a_page_of_another_site_can_neither_trigger_nor_read() {
    let server = with(|builder| builder.allow_origin("https://app.example")).await;
    let address = server.address();
    let mut ada = server.joined("ada", "chat").await;
    let path = "inspect/rooms/chat/trigger";
    let body = json!({ "event": "message", "data": { "text": "forged" } }).to_string();
    for headers in [
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        // This origin may connect as a client, but it may not act as the server.
        "Origin: https://app.example\r\n",
    ] {
        let answer = send(address, "POST", path, &format!("{JSON}{headers}"), &body).await;
        assert_eq!(answer.status, 403, "{headers}");
        for path in ["inspect/rooms", "inspect/feed"] {
            assert_eq!(
                send(address, "GET", path, headers, "").await.status,
                403,
                "{path} {headers}"
            );
        }
    }
    for kind in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
    ] {
        let answer = send(address, "POST", path, kind, &body).await;
        assert_eq!(answer.status, 415, "{kind}");
    }
    ada.assert_nothing_came().await;
    let own = format!("{JSON}Origin: http://{address}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(send(address, "POST", path, &own, &body).await.status, 200);
    assert_eq!(ada.recv_type("event").await["data"]["text"], "forged");
}
