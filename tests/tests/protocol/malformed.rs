//! Malformed requests. The server refuses them with `INVALID_REQUEST`, before any hook, and leaves the connection open.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dialogue_tests::{TestClient, TestServer};
use serde_json::json;

/// A server that counts how often its hooks run, and a client in `chat`.
async fn counting() -> (TestServer, TestClient, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let (of_join, of_each) = (Arc::clone(&runs), Arc::clone(&runs));
    let server = TestServer::with(|builder| {
        builder
            .before_join(move |_, _| {
                of_join.fetch_add(1, Ordering::SeqCst);
                async { Ok(()) }
            })
            .before_each(move |message, _| {
                of_each.fetch_add(1, Ordering::SeqCst);
                async { Ok(message) }
            })
    })
    .await;
    let ada = server.joined("ada", "chat").await;
    runs.store(0, Ordering::SeqCst);
    (server, ada, runs)
}

async fn assert_invalid(client: &mut TestClient, text: &str, id: Option<i64>) {
    client.send_text(text).await;
    let error = client.recv().await;
    let shown: String = text.chars().take(120).collect();
    assert_eq!(error["type"], "error", "{shown}: {error}");
    assert_eq!(error["code"], "INVALID_REQUEST", "{shown}: {error}");
    assert_eq!(error.get("id").and_then(|id| id.as_i64()), id, "{shown}: {error}");
    let message = error["message"].as_str().expect("a message");
    assert!(!message.is_empty() && message.len() < 300, "{shown}: {message}");
}

#[tokio::test]
async fn a_frame_that_is_not_one_json_object_is_invalid() {
    let (_server, mut ada, runs) = counting().await;
    for text in [
        "",
        " ",
        "null",
        "[]",
        "{}",
        "7",
        "\"join\"",
        "{",
        r#"{"type":"join","roomId":"chat""#,
        r#"{"type":"join","roomId":"chat"}{"type":"ping"}"#,
        r#"{"type":"join","roomId":"chat"},"#,
        r#"["join","chat"]"#,
        "{'type':'ping'}",
        r#"{"type":"ping",}"#,
        "{\"type\":\"ping\"\u{0}}",
        r#"{"type":"trigger","roomId":"chat","event":"message","data":{"text":"\ud800"}}"#,
        r#"{"type":"trigger","roomId":"chat","event":"message","data":1e999}"#,
        r#"{"type":"trigger","roomId":"chat","event":"message","data":NaN}"#,
        r#"{"type":"ping","id":null}"#,
        r#"{"type":"ping","id":"1"}"#,
        r#"{"type":"ping","id":1.0}"#,
        r#"{"type":"ping","id":9223372036854775808}"#,
        r#"{"type":null}"#,
        r#"{"type":7}"#,
        r#"{"type":"nonsense"}"#,
        r#"{"type":"__proto__"}"#,
    ] {
        assert_invalid(&mut ada, text, None).await;
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    ada.assert_nothing_came().await;
}

#[tokio::test]
async fn an_invalid_frame_with_an_id_is_answered_under_that_id() {
    let (_server, mut ada, _) = counting().await;
    let deep = format!(r#"{{"id":5,"type":"ping","x":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    for text in [
        r#"{"type":"join","id":5}"#,
        r#"{"id":5,"type":"nonsense"}"#,
        r#"{"id":5,"type":"ping","type":"ping"}"#,
        r#"{"id":5}"#,
        &deep,
    ] {
        assert_invalid(&mut ada, text, Some(5)).await;
    }
    assert_invalid(&mut ada, r#"{"type":"ping","id":5,"id":6}"#, None).await;
}

#[tokio::test]
async fn a_duplicate_key_is_invalid_at_every_level() {
    let (_server, mut ada, runs) = counting().await;
    for text in [
        r#"{"type":"trigger","roomId":"chat","roomId":"booth","event":"message","data":{"text":"hi"}}"#,
        r#"{"type":"trigger","roomId":"chat","event":"message","data":{"text":"hi","text":"ho"}}"#,
        r#"{"type":"trigger","roomId":"chat","event":"message","data":{"text":"hi"},"meta":{"a":[{"b":1,"b":2}]}}"#,
        r#"{"type":"ping","ignored":{"a":1,"a":1}}"#,
        r#"{"type":"ping","ignored":{"a":1,"\u0061":1}}"#,
    ] {
        assert_invalid(&mut ada, text, None).await;
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn json_with_32_levels_is_accepted_and_with_33_levels_refused_in_every_field() {
    let (_server, mut ada, runs) = counting().await;
    ada.join("open").await;
    runs.store(0, Ordering::SeqCst);
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    // The frame itself is the first level.
    let ignored = |levels| format!(r#"{{"type":"ping","id":1,"ignored":{}}}"#, nested(levels));
    let data = |levels| {
        format!(
            r#"{{"type":"trigger","id":1,"roomId":"open","event":"any","data":{}}}"#,
            nested(levels)
        )
    };
    let meta = |levels: usize| {
        let inner = nested(levels - 1);
        format!(r#"{{"type":"trigger","id":1,"roomId":"open","event":"any","meta":{{"m":{inner}}}}}"#)
    };
    for frame in [ignored(32), data(32), meta(32), ignored(100_000 / 4), data(30_000)] {
        assert_invalid(&mut ada, &frame, Some(1)).await;
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    for frame in [ignored(31), data(31), meta(31)] {
        ada.send_text(frame).await;
    }
    let mut answers = Vec::new();
    while answers.len() < 3 {
        let frame = ada.recv().await;
        if frame["type"] != "event" {
            answers.push(frame["type"].clone());
        }
    }
    assert_eq!(answers, ["pong", "ok", "ok"]);
}

#[tokio::test]
async fn a_hundred_thousand_levels_are_refused() {
    let server = TestServer::limited(dialogue::Limits::default().with_message_bytes(1 << 20)).await;
    let mut ada = server.connect_as("ada").await;
    let nested = "[".repeat(100_000);
    assert_invalid(&mut ada, &format!(r#"{{"type":"ping","x":{nested}"#), None).await;
    let closed = "]".repeat(100_000);
    assert_invalid(&mut ada, &format!(r#"{{"type":"ping","x":{nested}{closed}}}"#), None).await;
}

#[tokio::test]
async fn a_field_of_the_wrong_type_is_invalid_and_never_coerced() {
    let (server, mut ada, runs) = counting().await;
    let wrong_numbers = [
        "-1",
        "1e308",
        "1e2",
        "3.0",
        "\"0\"",
        "{}",
        "[]",
        "null",
        "true",
        "18446744073709551616",
    ];
    let mut frames = Vec::new();
    for number in wrong_numbers {
        for field in ["start", "end", "before"] {
            frames.push(format!(
                r#"{{"type":"history","roomId":"chat","event":"message","{field}":{number}}}"#
            ));
        }
        frames.push(format!(
            r#"{{"type":"history","roomId":"chat","event":"message","before":1,"limit":{number}}}"#
        ));
        frames.push(format!(
            r#"{{"type":"join","roomId":"chat","since":{{"epoch":"e","seq":{number}}}}}"#
        ));
        frames.push(format!(
            r#"{{"type":"createRoom","room":{{"id":"table-1","maxSize":{number}}}}}"#
        ));
        frames.push(format!(r#"{{"type":"connect","protocol":{number}}}"#));
    }
    for wrong in ["null", "7", "{}", "[]", "true"] {
        for frame in [
            r#"{"type":"join","roomId":?}"#,
            r#"{"type":"leave","roomId":?}"#,
            r#"{"type":"deleteRoom","roomId":?}"#,
            r#"{"type":"listRooms","after":?}"#,
            r#"{"type":"subscribe","roomId":"chat","event":?}"#,
            r#"{"type":"trigger","roomId":"chat","event":?,"data":{"text":"hi"}}"#,
            r#"{"type":"trigger","roomId":"chat","event":"message","data":{"text":"hi"},"key":?}"#,
            r#"{"type":"connect","protocol":1,"resume":?}"#,
            r#"{"type":"createRoom","room":{"id":?}}"#,
            r#"{"type":"createRoom","room":{"id":"table-1","name":?}}"#,
            r#"{"type":"createRoom","room":{"id":"table-1","description":?}}"#,
            r#"{"type":"join","roomId":"chat","since":{"epoch":?,"seq":0}}"#,
        ] {
            frames.push(frame.replace('?', wrong));
        }
    }
    for frame in [
        r#"{"type":"join"}"#,
        r#"{"type":"join","roomId":"chat","subscriptions":null}"#,
        r#"{"type":"join","roomId":"chat","subscriptions":"message"}"#,
        r#"{"type":"join","roomId":"chat","subscriptions":[7]}"#,
        r#"{"type":"join","roomId":"chat","since":null}"#,
        r#"{"type":"join","roomId":"chat","since":{"seq":0}}"#,
        r#"{"type":"join","roomId":"chat","since":{"epoch":"e"}}"#,
        r#"{"type":"subscribe","roomId":"chat"}"#,
        r#"{"type":"trigger","event":"message"}"#,
        r#"{"type":"trigger","roomId":"chat","event":"message","data":{"text":"hi"},"meta":null}"#,
        r#"{"type":"trigger","roomId":"chat","event":"message","data":{"text":"hi"},"meta":[]}"#,
        r#"{"type":"trigger","roomId":"chat","event":"message","data":{"text":"hi"},"key":""}"#,
        r#"{"type":"createRoom"}"#,
        r#"{"type":"createRoom","room":"table-1"}"#,
        r#"{"type":"createRoom","room":{}}"#,
        r#"{"type":"createRoom","room":{"id":"a b"}}"#,
        r#"{"type":"createRoom","room":{"id":""}}"#,
        r#"{"type":"createRoom","room":{"id":"table-1","name":""}}"#,
        r#"{"type":"createRoom","room":{"id":"table-1","maxSize":0}}"#,
        r#"{"type":"connect"}"#,
    ] {
        frames.push(frame.to_owned());
    }
    let long = |field: &str, bytes: usize| {
        let room = json!({ "id": "table-1", field: "x".repeat(bytes) });
        json!({ "type": "createRoom", "room": room }).to_string()
    };
    frames.extend([long("name", 257), long("description", 2_049), long("id", 129)]);
    frames.push(
        json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": "hi" }, "key": "k".repeat(129) })
            .to_string(),
    );
    let mut client = None;
    for (number, frame) in frames.iter().enumerate() {
        // A fresh connection for every 100 frames stays within the rate limit.
        if number % 100 == 0 {
            client = Some(server.joined("bob", "chat").await);
            runs.store(0, Ordering::SeqCst);
        }
        if let Some(client) = &mut client {
            assert_invalid(client, frame, None).await;
        }
        assert_eq!(runs.load(Ordering::SeqCst), 0, "{frame}");
    }
    assert!(server.room("table-1").await.is_none());
    ada.assert_nothing_came().await;
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let (_server, mut ada, _) = counting().await;
    let pong = ada
        .request(json!({ "type": "ping", "roomId": 7, "future": { "anything": [null] } }))
        .await;
    assert_eq!(pong["type"], "pong");
}

#[tokio::test]
async fn a_malformed_frame_before_connect_is_answered_and_the_client_may_continue() {
    let server = TestServer::plain().await;
    let mut client = server.open().await;
    assert_invalid(&mut client, "[]", None).await;
    client.connect(json!({ "userId": "ada" })).await;
}

#[tokio::test]
async fn any_client_may_send_since_resume_and_key() {
    let server = TestServer::plain().await;
    let mut ada = server.open().await;
    ada.send(json!({ "type": "connect", "protocol": 1, "auth": { "userId": "ada" }, "resume": "unknown" }))
        .await;
    ada.recv_type("connected").await;
    let joined = ada
        .request(json!({ "type": "join", "roomId": "chat", "since": { "epoch": "another", "seq": 3 } }))
        .await;
    assert_eq!(
        (&joined["type"], &joined["recovered"]),
        (&json!("joined"), &json!(false))
    );
    let ok = ada
        .request(
            json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": "hi" }, "key": "k" }),
        )
        .await;
    assert_eq!(ok["type"], "ok");
}
