//! What hooks return obeys the limits of what clients send. Anything else is a failure of the hook, which the log explains.

use std::time::{Duration, SystemTime};

use dialogue::prelude::*;
use dialogue::{Builder, Dialogue, Limits, TriggerError};
use dialogue_tests::{CapturedLog, Chat, Open, Rooms, TestServer, message};
use serde_json::{Map, Value, json};

/// Data whose objects and arrays are nested this deep.
fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, at| match at % 2 {
        0 => json!([inner]),
        _ => json!({ "a": inner }),
    })
}

async fn server_with(configure: impl FnOnce(Builder) -> Builder) -> (TestServer, CapturedLog) {
    let log = CapturedLog::default();
    let builder = Dialogue::builder().rooms::<Rooms>().logger(log.dispatch());
    (TestServer::start(configure(builder)).await, log)
}

fn trusting(configure: impl FnOnce(Builder) -> Builder) -> impl FnOnce(Builder) -> Builder {
    move |builder| configure(builder.trust_client_identity())
}

#[tokio::test]
async fn a_client_whose_authenticate_returns_an_invalid_user_id_is_refused_for_good() {
    for id in [
        String::new(),
        " ".to_owned(),
        "a\nb".to_owned(),
        "system".to_owned(),
        "x".repeat(129),
    ] {
        let (server, log) = server_with(|builder| {
            builder.authenticate(move |_| {
                let id = id.clone();
                async move { Ok(Identity::user(id)) }
            })
        })
        .await;
        let mut ada = server.open().await;
        ada.send(json!({ "type": "connect", "protocol": 1 })).await;
        let error = ada.recv_type("error").await;
        assert_eq!(error["code"], "UNAUTHENTICATED", "{error}");
        assert_eq!(ada.expect_close().await, 4500);
        log.line_with(&["WARN", "authenticate", "user id", "1 to 128 bytes"])
            .await;
    }
}

#[tokio::test]
async fn a_session_that_ends_in_a_million_years_never_expires() {
    let (server, _) = server_with(|builder| {
        builder.authenticate(|_| async {
            let years = Duration::from_secs(1_000_000 * 365 * 24 * 60 * 60);
            Ok(Identity::user("ada").with_expiry(SystemTime::now() + years))
        })
    })
    .await;
    let ada = server.connect_as("ada").await;
    assert_eq!(ada.connected.get("expiresIn"), None, "{}", ada.connected);
}

#[tokio::test]
async fn before_each_cannot_nest_data_or_metadata_deeper_than_clients_may() {
    for in_meta in [false, true] {
        for (depth, is_accepted) in [(30, true), (33, false), (200, false)] {
            let (server, log) = server_with(trusting(|builder| {
                builder.before_each(move |mut event, _| async move {
                    if in_meta {
                        event.meta = Some(Map::from_iter([("a".to_owned(), nested(depth - 1))]));
                    } else {
                        event.data = nested(depth);
                    }
                    Ok(event)
                })
            }))
            .await;
            let mut ada = server.joined("ada", "open").await;
            let trigger = json!({ "type": "trigger", "roomId": "open", "event": "any", "data": 1 });
            let reply = ada.request(trigger).await;
            if is_accepted {
                assert_eq!(reply["type"], "ok", "{depth}: {reply}");
                continue;
            }
            assert_eq!(reply["code"], "UNAVAILABLE", "{depth}: {reply}");
            ada.assert_nothing_came().await;
            log.line_with(&["a hook failed", "before_each", "json_depth = 32"])
                .await;
            let failed = server.trigger(Open, message("hi")).await;
            match failed {
                Err(TriggerError::HookFailed(_)) => {}
                // Data that is not a message is invalid first.
                Err(TriggerError::Invalid { .. }) if !in_meta => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn before_each_cannot_make_an_event_too_large() {
    let (server, log) = server_with(trusting(|builder| {
        builder.before_each(|mut event, _| async {
            event.meta = Some(Map::from_iter([("a".to_owned(), json!("x".repeat(600_000)))]));
            Ok(event)
        })
    }))
    .await;
    let mut ada = server.joined("ada", "chat").await;
    assert_eq!(ada.say("chat", "hi").await["code"], "UNAVAILABLE");
    log.line_with(&["a hook failed", "before_each", "half of queue_bytes"])
        .await;
    let failed = server.trigger(Chat, message("hi")).await;
    assert!(matches!(failed, Err(TriggerError::HookFailed(_))), "{failed:?}");
    assert_eq!(server.stats().hook_failures, 2);
}

#[tokio::test]
async fn a_refusal_that_is_too_long_or_too_deep_is_shortened_and_remains_a_refusal() {
    type MakeRefusal = fn() -> Refusal;
    let cases: [(MakeRefusal, Option<&str>); 6] = [
        (|| Refusal::new("x".repeat(4_096)), None),
        (|| Refusal::new("no").with_data(nested(30)), None),
        (|| Refusal::new("x".repeat(4_097)), Some("refusal_bytes = 4096")),
        (
            || Refusal::new("no").with_data("x".repeat(5_000)),
            Some("refusal_bytes = 4096"),
        ),
        (|| Refusal::new("\u{1}".repeat(1_000)), Some("refusal_bytes = 4096")),
        (|| Refusal::new("no").with_data(nested(33)), Some("json_depth = 32")),
    ];
    for (refusal, limit) in cases {
        let (server, log) = server_with(trusting(|builder| {
            builder.before_join(move |_, _| async move { Err(refusal())? })
        }))
        .await;
        let mut ada = server.connect_as("ada").await;
        let denied = ada.request(json!({ "type": "join", "roomId": "chat" })).await;
        assert_eq!(denied["code"], "JOIN_DENIED");
        if let Some(limit) = limit {
            assert!(denied["data"].is_null() && denied.to_string().len() < 4_500, "{denied}");
            log.line_with(&["before_join", limit]).await;
        }
    }
}

#[tokio::test]
async fn a_limit_for_refusals_can_be_raised() {
    let (server, _) = server_with(trusting(|builder| {
        builder
            .limits(Limits::default().with_refusal_bytes(8_192))
            .before_join(|_, _| async { dialogue::refuse("x".repeat(8_192)) })
    }))
    .await;
    let mut ada = server.connect_as("ada").await;
    assert_eq!(
        ada.refused(json!({ "type": "join", "roomId": "chat" })).await,
        "JOIN_DENIED"
    );
}

#[tokio::test]
async fn loaded_history_obeys_the_limits_of_events() {
    for (data, limit) in [
        (json!({ "text": "x".repeat(600_000) }), "half of queue_bytes"),
        (nested(33), "json_depth = 32"),
    ] {
        let (server, log) = server_with(trusting(|builder| {
            builder.load_history(move |query| {
                let mut event = EventMessage::new("message", query.room_id, data.clone());
                event.seq = None;
                async move { Ok(vec![event]) }
            })
        }))
        .await;
        let mut ada = server.joined("ada", "chat").await;
        let history = json!({ "type": "history", "roomId": "chat", "event": "message", "start": 0, "end": 5 });
        assert_eq!(ada.refused(history).await, "UNAVAILABLE");
        log.line_with(&["a hook failed", "load_history", limit]).await;
    }
}

#[tokio::test]
async fn loaded_history_has_only_numbers_that_every_client_can_read() {
    const LARGEST: u64 = 9_007_199_254_740_991;
    for (seq, timestamp, is_accepted) in [
        (Some(LARGEST), LARGEST, true),
        (Some(LARGEST + 1), 0, false),
        (None, LARGEST + 1, false),
        (Some(u64::MAX), u64::MAX, false),
    ] {
        let (server, log) = server_with(trusting(|builder| {
            builder.load_history(move |query| {
                let mut event = EventMessage::new("message", query.room_id, json!({ "text": "old" }));
                (event.seq, event.timestamp) = (seq, timestamp);
                async move { Ok(vec![event]) }
            })
        }))
        .await;
        let mut ada = server.joined("ada", "chat").await;
        let history = json!({ "type": "history", "roomId": "chat", "event": "message", "start": 0, "end": 5 });
        let reply = ada.request(history).await;
        if is_accepted {
            assert_eq!(reply["events"][0]["seq"], json!(seq), "{reply}");
            continue;
        }
        assert_eq!(reply["code"], "UNAVAILABLE", "{seq:?} at {timestamp}: {reply}");
        log.line_with(&["a hook failed", "load_history", "9007199254740991"])
            .await;
    }
}
