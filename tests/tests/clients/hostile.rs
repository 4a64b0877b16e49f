//! A server that is malicious or broken. The client neither panics nor uses ever more memory.

use std::time::Duration;

use dialogue::client::{ClientError, ConnectionState, RoomStreamError};
use dialogue::{DialogueClient, EventMessage};
use dialogue_tests::proxy::dice;
use dialogue_tests::{Chat, Gate, Message, Record, message, until, within};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_websockets::Message as Frame;

use super::script::{Script, connected, event, heard_all, joined};
use super::{connect_to, lost, reach};

#[tokio::test]
async fn a_frame_that_is_not_in_the_protocol_ends_the_connection_and_the_client_reconnects() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let errors = Record::default();
    let noted = errors.clone();
    client.on_error(move |error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        noted.note(cause.unwrap_or_default());
        async {}
    });
    let many: Vec<String> = (0..1_001).map(|number| format!("e{number}")).collect();
    let mut bloated = joined(&json!(null), "chat", 0, json!([]));
    bloated["subscriptions"] = json!(many);
    for text in [
        String::new(),
        "nonsense".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"type":"event"}"#.to_owned(),
        r#"{"type":"event","event":1,"roomId":2,"data":3,"from":4,"timestamp":5}"#.to_owned(),
        r#"{"type":"ok","id":"one"}"#.to_owned(),
        r#"{"type":"connected"}"#.to_owned(),
        joined(&json!(null), "no room id", 0, json!([])).to_string(),
        joined(&json!(null), "chat", 0, json!([7])).to_string(),
        bloated.to_string(),
        format!(r#"{{"type":"direct","event":"e","data":{}}}"#, "[".repeat(50_000)),
    ] {
        served.say_text(text).await;
        assert!(errors.next().await.contains("malformed frame"));
        served = script.accept_connected().await;
    }
    served.send(Frame::binary(vec![1, 2, 3])).await;
    let _served = script.accept_connected().await;
    let mut states = client.states();
    reach(&mut states, |state| *state == ConnectionState::Connected).await;
}

#[tokio::test]
async fn random_frames_do_not_kill_the_client() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let chat = within("the join", joining)
        .await
        .expect("no panic")
        .expect("the join succeeds");
    let mut dice = dice(7);
    let kinds = [
        "connected",
        "joined",
        "left",
        "ok",
        "history",
        "rooms",
        "roomCreated",
        "roomDeleted",
        "pong",
        "event",
        "direct",
        "error",
        "later",
    ];
    let values = [
        json!(null),
        json!(-1),
        json!(u64::MAX),
        json!("chat"),
        json!("*"),
        json!([]),
        json!(["message"]),
        json!({}),
        json!(true),
        json!({ "id": "chat", "name": "n", "size": 1 }),
        json!("e"),
        json!([{ "event": "message" }]),
    ];
    let fields = [
        "id",
        "roomId",
        "roomName",
        "subscriptions",
        "epoch",
        "seq",
        "recovered",
        "events",
        "event",
        "data",
        "from",
        "timestamp",
        "code",
        "message",
        "room",
        "rooms",
        "more",
        "reason",
        "clientId",
        "userId",
        "resume",
        "pingInterval",
        "maxMessageBytes",
        "expiresIn",
        "fingerprint",
        "violations",
        "retryAfter",
    ];
    for _ in 0..1_500 {
        let mut frame = json!({ "type": kinds[dice(kinds.len() as u64) as usize] });
        for field in fields {
            if dice(3) > 0 {
                frame[field] = values[dice(values.len() as u64) as usize].clone();
            }
        }
        served.say(frame).await;
        // Give the client a request of its own to send.
        drop(tokio::spawn(chat.trigger(message("hi")).into_future()));
        // An unknown frame ends the connection; then the client reconnects.
        served.say(json!({ "type": "ping-pong" })).await;
        if dice(10) == 0 {
            drop(served);
            served = script.accept_connected().await;
        }
    }
    drop(served);
    let served = script.accept_connected().await;
    let mut states = client.states();
    reach(&mut states, |state| *state == ConnectionState::Connected).await;
    drop(served);
    within("the end of the connection", client.disconnect()).await;
}

#[tokio::test]
async fn a_stalled_reader_holds_a_bounded_number_of_events_and_learns_how_many_it_missed() {
    const EVENTS: u64 = 5_000;
    let script = Script::new().await;
    let connecting = DialogueClient::connect(script.url()).buffer(100, 1024 * 1024);
    let (client, mut served) = tokio::join!(connecting.into_future(), script.accept_connected());
    let client = client.expect("a connection");
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let chat = within("the join", joining)
        .await
        .expect("no panic")
        .expect("the join succeeds");
    let (mut stream, gate) = (chat.stream::<Message>(), Gate::default());
    let held = gate.clone();
    let handler = chat.on(move |_: EventMessage<Message>| {
        let held = held.clone();
        async move { held.pass().await }
    });
    for seq in 1..=EVENTS {
        served.say(event(seq, "hello")).await;
    }
    heard_all(&client, &mut served).await;
    let first = within("an event", stream.next()).await.expect("the stream continues");
    assert!(matches!(first, Err(RoomStreamError::Lagged(4_900))), "{first:?}");
    for seq in EVENTS - 99..=EVENTS {
        let event = within("an event", stream.next())
            .await
            .expect("the stream continues")
            .expect("an event");
        assert_eq!(event.seq, Some(seq));
    }
    assert_eq!(handler.dropped(), 0, "the handler has not taken an event yet");
    gate.open();
    until("the count of lost events", || handler.dropped() > 0).await;
    assert!(handler.dropped() >= EVENTS - 101, "{handler:?}");
}

#[tokio::test]
async fn an_event_that_arrives_twice_or_late_is_delivered_once() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let chat = within("the join", joining)
        .await
        .expect("no panic")
        .expect("the join succeeds");
    let mut stream = chat.stream::<Message>();
    for seq in [1, 1, 3, 2, 3, 4] {
        served.say(event(seq, "hello")).await;
    }
    for expected in [1, 3, 4] {
        let event = within("an event", stream.next())
            .await
            .expect("the stream continues")
            .expect("an event");
        assert_eq!(event.seq, Some(expected));
    }
}

#[tokio::test]
async fn a_client_disconnects_from_a_server_that_joins_it_to_ever_more_rooms() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    for number in 0..=100 {
        let mut frame = joined(&json!(number), &format!("room-{number}"), 0, json!([]));
        // With an id, the frame looks like the reply to a join that nobody is waiting for.
        if number % 2 == 1 {
            frame.as_object_mut().expect("an object").remove("id");
        }
        served.say(frame).await;
    }
    let mut served = script.accept_connected().await;
    assert_eq!(client.rooms().len(), 50, "the client leaves the others again");
    served.expect("join").await;
}

#[tokio::test]
async fn an_endless_response_to_the_upgrade_is_cut_off() {
    let script = Script::new().await;
    let connecting = tokio::spawn(DialogueClient::connect(script.url()).into_future());
    let mut stream = script.accept_raw().await;
    let _ = stream.read(&mut [0; 4096]).await;
    let _ = stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nX: ").await;
    let flood = async { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} };
    let (outcome, ()) = tokio::join!(connecting, within("the end of the connection", flood));
    let failed = outcome.expect("no panic");
    assert!(matches!(failed, Err(ClientError::Connect { .. })), "{failed:?}");
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_connection() {
    let script = Script::new().await;
    let connecting = DialogueClient::connect(script.url())
        .max_message(10_000)
        .backoff(Duration::from_millis(1), Duration::from_millis(1));
    let (client, mut served) = tokio::join!(connecting.into_future(), script.accept_connected());
    let client = client.expect("a connection");
    let mut states = client.states();
    served
        .say(json!({ "type": "direct", "event": "e", "data": "x".repeat(10_000) }))
        .await;
    lost(&mut states).await;
}

#[tokio::test]
async fn a_silent_server_is_pinged_and_then_disconnected() {
    let script = Script::new().await;
    let url = script.url();
    let serving = async {
        let mut served = script.accept().await;
        served.expect("connect").await;
        let mut connected = connected();
        connected["pingInterval"] = json!(5_000);
        served.say(connected).await;
        served
    };
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), serving);
    let mut states = client.states();
    reach(&mut states, |state| *state == ConnectionState::Connected).await;
    // From here on, the clock advances whenever every task is idle.
    tokio::time::pause();
    let ping = served.expect("ping").await;
    served.say(json!({ "type": "pong", "id": ping["id"] })).await;
    served.expect("ping").await;
    let began = tokio::time::Instant::now();
    while !matches!(states.next().await, Some(ConnectionState::Reconnecting { .. })) {}
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_server_that_sends_pings_without_reading_the_pongs_is_disconnected() {
    const MOST: usize = 400_000;
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let mut states = client.states();
    reach(&mut states, |state| *state == ConnectionState::Connected).await;
    // When both sides wait for each other, the clock advances.
    tokio::time::pause();
    let sent = served.ping_without_end(MOST).await;
    assert!(sent < MOST, "the client accepted {sent} pings");
    while !matches!(states.next().await, Some(ConnectionState::Reconnecting { .. })) {}
}

#[tokio::test]
async fn a_request_timeout_may_be_the_longest_duration() {
    let script = Script::new().await;
    let connecting = DialogueClient::connect(script.url()).request_timeout(Duration::MAX);
    let (client, mut served) = tokio::join!(connecting.into_future(), script.accept_connected());
    let client = client.expect("a connection");
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    within("the join", joining)
        .await
        .expect("no panic")
        .expect("the join succeeds");
}

#[tokio::test]
async fn an_unanswered_request_times_out_and_a_late_reply_does_no_harm() {
    let script = Script::new().await;
    let connecting = DialogueClient::connect(script.url()).request_timeout(Duration::from_secs(3));
    let (client, mut served) = tokio::join!(connecting.into_future(), script.accept_connected());
    let client = client.expect("a connection");
    let listing = tokio::spawn(client.list_rooms());
    let list = served.expect("listRooms").await;
    tokio::time::pause();
    let late = listing.await.expect("no panic");
    assert_eq!(late, Err(ClientError::TimedOut(Duration::from_secs(3))));
    tokio::time::resume();
    served
        .say(json!({ "type": "rooms", "id": list["id"], "rooms": [], "more": false }))
        .await;
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    within("the join", joining)
        .await
        .expect("no panic")
        .expect("the join succeeds");
}

#[tokio::test]
async fn listing_rooms_stops_at_the_bound_or_at_an_empty_page_even_if_the_server_reports_more() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let listing = tokio::spawn(client.list_rooms());
    for page in 0..10 {
        let list = served.expect("listRooms").await;
        let rooms: Vec<_> = (0..1_000)
            .map(|number| json!({ "id": format!("room-{page}-{number}"), "name": "A room", "size": 0 }))
            .collect();
        served
            .say(json!({ "type": "rooms", "id": list["id"], "rooms": rooms, "more": true }))
            .await;
    }
    let list = within("an answer", listing).await.expect("no panic").expect("rooms");
    assert_eq!((list.rooms.len(), list.more), (10_000, true));

    let listing = tokio::spawn(client.list_rooms_after("room-9-999"));
    let list = served.expect("listRooms").await;
    assert_eq!(list["after"], "room-9-999");
    served
        .say(json!({ "type": "rooms", "id": list["id"], "rooms": [], "more": true }))
        .await;
    let list = within("an answer", listing).await.expect("no panic").expect("rooms");
    assert_eq!((list.rooms.len(), list.more), (0, true));
}

#[tokio::test]
async fn a_reply_of_the_wrong_type_fails_the_request_and_ends_the_connection() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let listing = tokio::spawn(client.list_rooms());
    let list = served.expect("listRooms").await;
    served.say(json!({ "type": "pong", "id": list["id"] })).await;
    let outcome = within("an answer", listing).await.expect("no panic");
    assert!(matches!(outcome, Err(ClientError::Protocol { .. })), "{outcome:?}");
    let mut served = script.accept().await;
    served.expect("connect").await;
    served.say(connected()).await;
}

#[tokio::test]
async fn a_rejoin_waits_for_as_long_as_the_server_demands() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let chat = within("the join", joining)
        .await
        .expect("no panic")
        .expect("the join succeeds");
    drop(served);
    let mut served = script.accept_connected().await;
    let join = served.expect("join").await;
    assert_eq!(join["since"], json!({ "epoch": "e", "seq": 0 }));
    let limited: Value = json!({
        "type": "error", "id": join["id"], "code": "RATE_LIMITED", "message": "slowly", "retryAfter": 200,
    });
    served.say(limited).await;
    let mut reply = joined(&json!(null), "chat", 0, json!([]));
    reply["id"] = served.expect("join").await["id"].clone();
    reply["recovered"] = json!(true);
    served.say(reply).await;
    assert!(chat.is_joined());
}
