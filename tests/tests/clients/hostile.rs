//! A server that means harm, or has lost its mind: the client neither panics nor grows.

use std::time::Duration;

use dialogue::{ClientError, ConnectionState, DialogueClient, EventMessage, RoomStreamError};
use dialogue_tests::{Chat, Gate, Message, Record, message, until, within};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_websockets::Message as Frame;

use super::proxy::dice;
use super::script::{Script, connected, event, heard_all, joined};
use super::{connect_to, lost, reach};

#[tokio::test]
async fn what_is_no_frame_of_the_protocol_ends_the_connection_and_the_client_comes_back() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let errors = Record::default();
    let noted = errors.clone();
    client.on_error(move |error| {
        noted.note(error.to_string());
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
async fn any_frames_at_all_leave_the_client_alive() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let chat = within("a seat", joining).await.expect("no panic").expect("a seat");
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
        // Something of the client's to answer, too.
        drop(tokio::spawn(chat.trigger(message("hi")).into_future()));
        // A frame that is no frame ends the connection; then there is another one.
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
    within("the end", client.disconnect()).await;
}

#[tokio::test]
async fn a_reader_that_stalls_holds_a_bounded_number_of_events_and_is_told_how_many_it_missed() {
    const EVENTS: u64 = 5_000;
    let script = Script::new().await;
    let connecting = DialogueClient::connect(script.url()).buffer(100, 1024 * 1024);
    let (client, mut served) = tokio::join!(connecting.into_future(), script.accept_connected());
    let client = client.expect("a connection");
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let chat = within("a seat", joining).await.expect("no panic").expect("a seat");
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
    let first = within("an event", stream.next()).await.expect("not the end");
    assert!(matches!(first, Err(RoomStreamError::Lagged(4_900))), "{first:?}");
    for seq in EVENTS - 99..=EVENTS {
        let event = within("an event", stream.next())
            .await
            .expect("not the end")
            .expect("an event");
        assert_eq!(event.seq, Some(seq));
    }
    assert_eq!(handler.dropped(), 0, "it has not looked yet");
    gate.open();
    until("the count", || handler.dropped() > 0).await;
    assert!(handler.dropped() >= EVENTS - 101, "{handler:?}");
}

#[tokio::test]
async fn an_event_that_comes_twice_or_late_is_heard_once() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let chat = within("a seat", joining).await.expect("no panic").expect("a seat");
    let mut stream = chat.stream::<Message>();
    for seq in [1, 1, 3, 2, 3, 4] {
        served.say(event(seq, "hello")).await;
    }
    for expected in [1, 3, 4] {
        let event = within("an event", stream.next())
            .await
            .expect("not the end")
            .expect("an event");
        assert_eq!(event.seq, Some(expected));
    }
}

#[tokio::test]
async fn a_server_that_takes_the_client_into_ever_more_rooms_is_left() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    for number in 0..=100 {
        let mut frame = joined(&json!(number), &format!("room-{number}"), 0, json!([]));
        // With an id, it looks like the answer to a join for which nobody waits any more.
        if number % 2 == 1 {
            frame.as_object_mut().expect("an object").remove("id");
        }
        served.say(frame).await;
    }
    let mut served = script.accept_connected().await;
    assert_eq!(client.rooms().len(), 100);
    served.expect("join").await;
}

#[tokio::test]
async fn an_endless_answer_to_the_upgrade_ends() {
    let script = Script::new().await;
    let connecting = tokio::spawn(DialogueClient::connect(script.url()).into_future());
    let mut stream = script.accept_raw().await;
    let _ = stream.read(&mut [0; 4096]).await;
    let _ = stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nX: ").await;
    let flood = async { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} };
    let (outcome, ()) = tokio::join!(connecting, within("the end", flood));
    let failed = outcome.expect("no panic");
    assert!(matches!(failed, Err(ClientError::Connect { .. })), "{failed:?}");
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_connection() {
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
async fn a_server_that_falls_silent_is_asked_and_then_given_up() {
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
    // From here on, time passes when nobody has anything to do.
    tokio::time::pause();
    let ping = served.expect("ping").await;
    served.say(json!({ "type": "pong", "id": ping["id"] })).await;
    served.expect("ping").await;
    let began = tokio::time::Instant::now();
    while !matches!(states.next().await, Some(ConnectionState::Reconnecting { .. })) {}
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_server_that_asks_for_pongs_and_takes_none_is_given_up() {
    const MOST: usize = 400_000;
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let mut states = client.states();
    reach(&mut states, |state| *state == ConnectionState::Connected).await;
    // When both sides wait for each other, time passes.
    tokio::time::pause();
    let sent = served.ping_without_end(MOST).await;
    assert!(sent < MOST, "the client has taken {sent} pings");
    while !matches!(states.next().await, Some(ConnectionState::Reconnecting { .. })) {}
}

#[tokio::test]
async fn a_request_may_wait_as_long_as_durations_are() {
    let script = Script::new().await;
    let connecting = DialogueClient::connect(script.url()).request_timeout(Duration::MAX);
    let (client, mut served) = tokio::join!(connecting.into_future(), script.accept_connected());
    let client = client.expect("a connection");
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    within("a seat", joining).await.expect("no panic").expect("a seat");
}

#[tokio::test]
async fn a_request_that_is_not_answered_fails_in_time_and_a_late_answer_harms_nothing() {
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
    within("a seat", joining).await.expect("no panic").expect("a seat");
}

#[tokio::test]
async fn a_server_that_always_has_more_rooms_is_asked_no_further_than_the_bound_or_an_empty_page() {
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
async fn an_answer_of_another_kind_fails_the_request_and_ends_the_connection() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let listing = tokio::spawn(client.list_rooms());
    let list = served.expect("listRooms").await;
    served.say(json!({ "type": "pong", "id": list["id"] })).await;
    let outcome = within("an answer", listing).await.expect("no panic");
    assert!(matches!(outcome, Err(ClientError::Protocol(_))), "{outcome:?}");
    let mut served = script.accept().await;
    served.expect("connect").await;
    served.say(connected()).await;
}

#[tokio::test]
async fn the_way_back_waits_where_the_server_says_so() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let chat = within("a seat", joining).await.expect("no panic").expect("a seat");
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
