//! Rejoining: which refusals are final, and which mean "not now".

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dialogue::client::{ConnectionState, Departure, Recovery};
use dialogue::prelude::*;
use dialogue_tests::proxy::Proxy;
use dialogue_tests::{Chat, Project, Record, Rooms, TestServer, message, until, within};
use serde_json::json;

use super::script::{Script, connected};
use super::{connect_to, lost, reach};

#[tokio::test]
async fn a_failing_check_of_the_rejoin_is_repeated_until_it_decides() {
    let checks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&checks);
    let server = TestServer::with(|builder| {
        builder.before_join(move |_, _| {
            let check = counted.fetch_add(1, Ordering::Relaxed);
            // The database is down for two rejoins.
            async move {
                match check {
                    1 | 2 => Err(std::io::Error::other("no database").into()),
                    _ => Ok(()),
                }
            }
        })
    })
    .await;
    let proxy = Proxy::to(server.address()).await;
    let client = connect_to(&proxy.url(), "ada").await;
    let chat = client.join(Chat).await.expect("the join succeeds");
    let (record, noted) = (Record::default(), Record::default());
    let (recovered, left) = (record.clone(), noted.clone());
    chat.on_recovered(move |recovery| {
        recovered.note(format!("{}", recovery == Recovery::Complete));
        async {}
    });
    chat.on_left(move |departure| {
        left.note(format!("{departure:?}"));
        async {}
    });
    proxy.cut();
    until("the lost connection", || !client.is_connected()).await;
    proxy.restore();
    record.expect(&["true"]).await;
    assert!(noted.rest().await.is_empty());
    chat.trigger(message("back")).await.expect("an event");
    assert_eq!(checks.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_rejoin_is_repeated_after_every_error_that_is_not_a_decision() {
    for code in [
        "UNAVAILABLE",
        "RATE_LIMITED",
        "INTERNAL",
        "FROM_A_LATER_SERVER",
        "ROOM_FULL",
        "LIMIT_EXCEEDED",
    ] {
        let script = Script::new().await;
        let url = script.url();
        let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
        let joining = tokio::spawn(client.join(Chat).into_future());
        served.welcome_to("chat").await;
        let chat = within("the join", joining).await.expect("no panic").expect("a room");
        drop(served);
        let mut served = script.accept_connected().await;
        for _ in 0..3 {
            let join = served.expect("join").await;
            served
                .say(json!({ "type": "error", "id": join["id"], "code": code, "message": "not now", "retryAfter": 1 }))
                .await;
        }
        served.welcome_to("chat").await;
        let waiting = tokio::spawn(chat.trigger(message("back")).into_future());
        let trigger = served.expect("trigger").await;
        served.say(json!({ "type": "ok", "id": trigger["id"], "seq": 1 })).await;
        within("an answer", waiting).await.expect("no panic").expect(code);
    }
}

#[tokio::test]
async fn a_room_that_is_created_after_a_restart_gets_its_clients_back() {
    let build = || {
        let builder = Dialogue::builder().rooms::<Rooms>().trust_client_identity();
        builder.build().expect("a server")
    };
    let first = build();
    let address = first.start(([127, 0, 0, 1], 0)).await.expect("a port");
    first.create_room(Project { id: 7 }).await.expect("a room");
    // The retries are far apart, so only the announcement of the room can bring the client back in time.
    let connecting = dialogue::DialogueClient::connect(format!("ws://{address}")).auth(json!({ "userId": "ada" }));
    let client = within("a connection", connecting.into_future())
        .await
        .expect("a connection");
    let project = client.join(Project { id: 7 }).await.expect("the join succeeds");
    let (record, errors) = (Record::default(), Record::default());
    let noted = record.clone();
    project.on_recovered(move |recovery| {
        noted.note(if recovery == Recovery::Complete {
            "complete"
        } else {
            "gap"
        });
        async {}
    });
    let noted = errors.clone();
    client.on_error(move |error| {
        noted.note(error.to_string());
        async {}
    });
    let mut states = client.states();
    first.stop().await.expect("the server stops");
    lost(&mut states).await;
    let second = build();
    second.start(address).await.expect("the port");
    reach(&mut states, |state| *state == ConnectionState::Connected).await;
    // The first rejoin is refused before the room exists: the answer to this request comes after it.
    client.list_rooms().await.expect("rooms");
    assert!(project.is_joined());
    second.create_room(Project { id: 7 }).await.expect("a room");
    record.expect(&["gap"]).await;
    project.trigger(message("back")).await.expect("an event");
}

#[tokio::test]
async fn a_room_that_does_not_come_back_ends_after_five_minutes() {
    let script = Script::new().await;
    let ten_seconds = std::time::Duration::from_secs(10);
    let connecting = dialogue::DialogueClient::connect(script.url()).backoff(ten_seconds / 1_000, ten_seconds);
    let (client, mut served) = tokio::join!(connecting.into_future(), script.accept_connected());
    let client = client.expect("a connection");
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let chat = within("the join", joining).await.expect("no panic").expect("a room");
    let (left, mut departures) = tokio::sync::mpsc::unbounded_channel();
    chat.on_left(move |departure| {
        let _ = left.send(departure);
        async {}
    });
    drop(served);
    let mut served = script.accept_connected().await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let answering = async {
        while let Some(frame) = served.recv().await {
            let answer = match frame["type"].as_str() {
                Some("join") => {
                    json!({ "type": "error", "id": frame["id"], "code": "ROOM_NOT_FOUND", "message": "no" })
                }
                _ => json!({ "type": "pong", "id": frame["id"] }),
            };
            served.say(answer).await;
        }
    };
    let departure = tokio::select! {
        () = answering => panic!("the client hung up"),
        departure = departures.recv() => departure.expect("a departure"),
    };
    assert!(matches!(departure, Departure::NotRejoined(_)), "{departure:?}");
    assert!(began.elapsed() >= std::time::Duration::from_secs(300));
    assert!(client.room(Chat).is_none());
    tokio::time::resume();
}

#[tokio::test]
async fn a_room_that_the_client_leaves_while_it_waits_to_rejoin_is_left_at_once() {
    let script = Script::new().await;
    let url = script.url();
    let (client, mut served) = tokio::join!(connect_to(&url, "ada"), script.accept_connected());
    let joining = tokio::spawn(client.join(Chat).into_future());
    served.welcome_to("chat").await;
    let chat = within("the join", joining).await.expect("no panic").expect("a room");
    drop(served);
    let mut served = script.accept().await;
    served.expect("connect").await;
    served.say(connected()).await;
    let join = served.expect("join").await;
    let leaving = tokio::spawn(chat.leave());
    // The rejoin is under way, so the leave follows it.
    let leave = served.expect("leave").await;
    served
        .say(json!({ "type": "error", "id": join["id"], "code": "UNAVAILABLE", "message": "not now" }))
        .await;
    served
        .say(json!({ "type": "error", "id": leave["id"], "code": "NOT_IN_ROOM", "message": "not in the room" }))
        .await;
    within("an answer", leaving).await.expect("no panic").expect("left");
    until("the end of the room", || client.room(Chat).is_none()).await;
}
