//! Credentials: signing in, renewing a session, and being refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use dialogue::DialogueClient;
use dialogue::client::{ClientError, CloseReason, ConnectionState};
use dialogue::prelude::*;
use dialogue::protocol::ErrorCode;
use dialogue_tests::{Chat, Record, Rooms, TestServer, message, within};
use serde_json::json;

use super::script::{Script, connected};
use super::{lost, reach};

/// A server whose sessions last for the token's number of milliseconds. It refuses token 0.
async fn with_tokens(record: &Record) -> TestServer {
    let noted = record.clone();
    let builder = Dialogue::builder().rooms::<Rooms>().authenticate(move |handshake| {
        let noted = noted.clone();
        async move {
            noted.note(handshake.auth.to_string());
            match handshake.auth["for"].as_u64() {
                Some(0) | None => refuse("no token"),
                Some(millis) => {
                    let end = SystemTime::now() + Duration::from_millis(millis);
                    Ok(Identity::user("ada").with_expiry(end))
                }
            }
        }
    });
    TestServer::start(builder).await
}

#[tokio::test]
async fn a_session_is_renewed_with_new_credentials_on_the_live_connection() {
    let asked = Record::default();
    let server = with_tokens(&asked).await;
    let number = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&number);
    let connecting = DialogueClient::connect(format!("ws://{}", server.address())).auth_with(move || {
        let number = counted.fetch_add(1, Ordering::Relaxed);
        async move { Ok::<_, std::io::Error>(json!({ "for": 1_000, "number": number })) }
    });
    let client = within("a connection", connecting.into_future())
        .await
        .expect("a session");
    let connection = client.client_id();
    let chat = client.join(Chat).await.expect("the join succeeds");
    for number in 0..3 {
        asked.expect(&[&format!(r#"{{"for":1000,"number":{number}}}"#)]).await;
    }
    chat.trigger(message("still here")).await.expect("an event");
    assert_eq!(client.client_id(), connection, "the client keeps its connection");
}

#[tokio::test]
async fn a_session_that_cannot_be_renewed_ends_and_the_client_reconnects_with_new_credentials() {
    let asked = Record::default();
    let server = with_tokens(&asked).await;
    let number = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&number);
    let connecting = DialogueClient::connect(format!("ws://{}", server.address()))
        .backoff(Duration::from_millis(1), Duration::from_millis(1))
        .auth_with(move || {
            let number = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                match number {
                    0 => Ok(json!({ "for": 300 })),
                    1 => Err("not now"),
                    _ => Ok(json!({ "for": 60_000 })),
                }
            }
        });
    let client = within("a connection", connecting.into_future())
        .await
        .expect("a session");
    let errors = Record::default();
    let noted = errors.clone();
    client.on_error(move |error| {
        noted.note(error.to_string());
        async {}
    });
    let mut states = client.states();
    errors.expect(&["cannot obtain credentials"]).await;
    lost(&mut states).await;
    reach(&mut states, |state| *state == ConnectionState::Connected).await;
    asked.expect(&[r#"{"for":300}"#, r#"{"for":60000}"#]).await;
}

#[tokio::test]
async fn a_client_that_is_refused_learns_why_and_does_not_retry() {
    let asked = Record::default();
    let server = with_tokens(&asked).await;
    let url = format!("ws://{}", server.address());
    let refused = within(
        "an answer",
        DialogueClient::connect(&url).auth(json!({ "for": 0 })).into_future(),
    )
    .await;
    let message = "no token".to_owned();
    assert_eq!(refused.expect_err("no token"), ClientError::Unauthenticated { message });

    let client = DialogueClient::connect(&url).in_background().expect("a URL");
    let mut states = client.states();
    let closed = reach(&mut states, |state| matches!(state, ConnectionState::Closed(_))).await;
    assert!(
        matches!(
            closed,
            ConnectionState::Closed(CloseReason::ByServer { code: 4500, .. })
        ),
        "{closed:?}"
    );
    assert!(matches!(client.list_rooms().await, Err(ClientError::Closed(_))));
    asked.expect(&[r#"{"for":0}"#, "null"]).await;
    assert!(asked.rest().await.is_empty());
}

#[tokio::test]
async fn a_panic_in_the_credentials_callback_is_reported_as_its_own_error() {
    let server = with_tokens(&Record::default()).await;
    let connecting = DialogueClient::connect(format!("ws://{}", server.address())).auth_with(|| async {
        match std::hint::black_box(true) {
            true => panic!("no credentials today"),
            false => Ok::<_, std::io::Error>(json!(null)),
        }
    });
    let failed = within("an answer", connecting.into_future()).await;
    assert!(matches!(failed, Err(ClientError::Credentials { .. })), "{failed:?}");
}

#[tokio::test]
async fn connecting_to_an_absent_server_fails_at_once_or_retries_in_the_background() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let url = format!("ws://{address}");
    let failed = within("an answer", DialogueClient::connect(&url).into_future()).await;
    assert!(matches!(failed, Err(ClientError::Connect { .. })), "{failed:?}");
    let waiting = DialogueClient::connect(&url)
        .auth(json!({ "userId": "ada" }))
        .backoff(Duration::from_millis(1), Duration::from_millis(10));
    let client = waiting.in_background().expect("a URL");
    let joining = tokio::spawn(client.join(Chat).into_future());
    let server = Dialogue::builder().rooms::<Rooms>().trust_client_identity().build();
    server.expect("a server").start(address).await.expect("the port");
    within("the join", joining)
        .await
        .expect("no panic")
        .expect("the join succeeds");
}

#[tokio::test]
async fn a_refused_connect_is_reported_at_once_and_not_retried() {
    let server = TestServer::plain().await;
    let url = format!("ws://{}", server.address());
    let deep = || (0..40).fold(json!(null), |inner, _| json!([inner]));
    let refused = within("an answer", DialogueClient::connect(&url).auth(deep()).into_future()).await;
    let Err(ClientError::Refused(refused)) = refused else {
        panic!("not a refusal: {refused:?}");
    };
    assert_eq!(refused.code, ErrorCode::InvalidRequest);
    let client = DialogueClient::connect(&url)
        .auth(deep())
        .in_background()
        .expect("a URL");
    within("the end of the connection", client.closed()).await;
}

#[tokio::test]
async fn a_refused_connect_is_final_even_if_no_close_follows() {
    for code in ["UNAUTHENTICATED", "UNSUPPORTED_PROTOCOL"] {
        let script = Script::new().await;
        let client = DialogueClient::connect(script.url()).in_background().expect("a URL");
        let mut served = script.accept().await;
        served.expect("connect").await;
        served
            .say(json!({ "type": "error", "code": code, "message": "no" }))
            .await;
        served.wait_until_read().await;
        tokio::time::pause();
        let reason = client.closed().await;
        tokio::time::resume();
        assert!(reason.to_string().contains("no"), "{reason}");
    }
    // The client retries a failure that may not happen again.
    let script = Script::new().await;
    let _client = DialogueClient::connect(script.url()).in_background().expect("a URL");
    let mut served = script.accept().await;
    served.expect("connect").await;
    served
        .say(json!({ "type": "error", "code": "INTERNAL", "message": "not now" }))
        .await;
    drop(served);
    let mut served = script.accept().await;
    served.expect("connect").await;
    served.say(connected()).await;
}

#[tokio::test]
async fn a_failed_attempt_names_the_url_without_its_secrets_and_the_cause() {
    let server = TestServer::plain().await;
    let address = server.address();
    for (path, header, cause) in [
        ("/nowhere?token=hush", ("X-Nothing", ""), "HTTP 404"),
        (
            "/dialogue/ws?token=hush",
            ("Origin", "https://evil.example"),
            "HTTP 403: ",
        ),
    ] {
        let connecting = DialogueClient::connect(format!("ws://ada:hush@{address}{path}")).header(header.0, header.1);
        let error = within("an answer", connecting.into_future())
            .await
            .expect_err("no WebSocket");
        let text = format!("{error}: {}", std::error::Error::source(&error).expect("a cause"));
        let url = format!("ws://{address}{}", path.split('?').next().unwrap_or_default());
        assert!(text.starts_with(&format!("cannot connect to {url}: ")), "{text}");
        assert!(text.contains(cause) && !text.contains("hush"), "{text}");
    }
    let script = Script::new().await;
    let connecting = DialogueClient::connect(script.url()).connect_timeout(Duration::from_millis(50));
    let error = within("an answer", connecting.into_future())
        .await
        .expect_err("nobody answers");
    assert!(error.to_string().contains(&script.url()), "{error}");
    assert!(matches!(error, ClientError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn a_client_in_the_background_reports_every_failed_attempt_even_before_there_is_a_handler() {
    let script = Script::new().await;
    let connecting = DialogueClient::connect(script.url()).backoff(Duration::from_millis(1), Duration::from_millis(1));
    let client = connecting.in_background().expect("a URL");
    let answer = async |text: &str| {
        let mut stream = script.accept_raw().await;
        let mut request = [0; 4096];
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await;
    };
    answer("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n").await;
    answer("HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\n\r\nwe are closed\n").await;
    answer("HTTP/1.1 101 Switching Protocols\r\n\r\n").await;
    let errors = Record::default();
    let noted = errors.clone();
    client.on_error(move |error| {
        noted.note(format!(
            "{error}: {}",
            std::error::Error::source(&error).expect("a cause")
        ));
        async {}
    });
    let url = format!("{}/dialogue/ws", script.url());
    let failed = |cause: &str| format!("cannot connect to {url}: the upgrade was answered with HTTP {cause}");
    errors
        .expect(&[&failed("429: Too Many Requests"), &failed("503: we are closed")])
        .await;
    assert!(errors.next().await.starts_with(&format!("cannot connect to {url}: ")));
    script.accept_connected().await;
}

#[tokio::test]
async fn a_client_waits_as_long_as_a_refused_upgrade_demands() {
    let script = Script::new().await;
    let connecting = DialogueClient::connect(script.url()).backoff(Duration::from_millis(1), Duration::from_millis(1));
    let client = connecting.in_background().expect("a URL");
    let mut stream = script.accept_raw().await;
    let mut request = [0; 4096];
    let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let response = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n\r\n";
    let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, response).await;
    let mut states = client.states();
    reach(&mut states, |state| {
        matches!(state, ConnectionState::Reconnecting { .. })
    })
    .await;
    let _served = script.accept_connected().await;
    assert!(began.elapsed() >= Duration::from_secs(7));
    tokio::time::resume();
}
