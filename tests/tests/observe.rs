//! `Dialogue::observe` and `Dialogue::stats`: the stream of observations, and the counts.

use dialogue::Limits;
use dialogue::observe::{Observation, Observations, ObserveError};
use dialogue::prelude::*;
use dialogue::protocol::{CloseCode, ErrorCode};
use dialogue_tests::raw::{FIN, TEXT};
use dialogue_tests::{Chat, Gate, Message, Project, RawClient, Rooms, TestServer, message, until, within};
use serde_json::{Value, json};

/// A reader of observations that must miss none.
struct Watcher(Observations);

impl Watcher {
    fn of(server: &TestServer) -> Self {
        Self(server.observe().expect("a place for an observer"))
    }

    async fn next(&mut self) -> Observation {
        let next = within("an observation", self.0.next()).await;
        next.expect("the server runs").expect("the reader keeps up")
    }

    /// The next observations, each in a few words.
    async fn kinds(&mut self, count: usize) -> Vec<String> {
        let mut kinds = Vec::new();
        for _ in 0..count {
            kinds.push(kind(&self.next().await));
        }
        kinds
    }
}

/// An observation in a few words.
fn kind(observation: &Observation) -> String {
    match observation {
        Observation::Connected { user, .. } => format!("connected {user}"),
        Observation::Disconnected { user, code, .. } => format!("disconnected {user} {:?}", code.map(CloseCode::code)),
        Observation::Joined { room, user, size, .. } => format!("joined {room} {user} {size}"),
        Observation::Left {
            room,
            user,
            size,
            reason,
            ..
        } => format!("left {room} {user} {size} {reason:?}"),
        Observation::RoomCreated { room, .. } => format!("created {room}"),
        Observation::RoomDeleted { room, .. } => format!("deleted {room}"),
        Observation::Event(event) => format!("event {} {:?}", event.message.event, event.message.seq),
        Observation::Refused { code, .. } => format!("refused {code}"),
        Observation::HookFailed { hook, error, .. } => format!("failed {hook}: {error}"),
        Observation::HookTimed { hook, .. } => format!("timed {hook}"),
        Observation::Evicted { room, event, count, .. } => format!("evicted {count} {event} of {room}"),
        other => panic!("unknown: {other:?}"),
    }
}

#[tokio::test]
async fn each_thing_that_happens_is_observed_once_and_in_order() {
    let server = TestServer::plain().await;
    let mut watcher = Watcher::of(&server);
    let mut ada = server.joined("ada", "chat").await;
    for _ in 0..6 {
        assert_eq!(ada.say("chat", "hi").await["type"], "ok");
    }
    ada.refused(json!({ "type": "trigger", "roomId": "chat", "event": "user-joined", "data": { "username": "x" } }))
        .await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    ada.join("project-7").await;
    assert!(server.delete_room(Project { id: 7 }).await.expect("a deletion"));
    ada.request(json!({ "type": "leave", "roomId": "chat" })).await;
    ada.join("chat").await;
    server.here().clients_of("ada")[0].leave(Chat).await;
    ada.join("chat").await;
    ada.close().await;
    let expected = [
        "connected ada",
        "joined chat ada 1",
        "event message Some(1)",
        "event message Some(2)",
        "event message Some(3)",
        "event message Some(4)",
        "event message Some(5)",
        "evicted 1 message of chat",
        "event message Some(6)",
        "refused EVENT_NOT_ALLOWED",
        "created project-7",
        "joined project-7 ada 1",
        "left project-7 ada 0 RoomDeleted",
        "deleted project-7",
        "left chat ada 0 Requested",
        "joined chat ada 1",
        "left chat ada 0 Removed",
        "joined chat ada 1",
        "left chat ada 0 Disconnected",
        "disconnected ada None",
    ];
    assert_eq!(watcher.kinds(expected.len()).await, expected);
    server.stop().await;
    assert!(watcher.0.next().await.is_none(), "nothing else was observed");
}

#[tokio::test]
async fn an_observed_event_has_its_envelope_and_the_frame_of_its_subscribers() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let mut watcher = Watcher::of(&server);
    ada.say("chat", "hi").await;
    let Observation::Event(event) = watcher.next().await else {
        panic!("an event comes first");
    };
    assert_eq!((event.message.from.as_str(), event.recipients), ("ada", 1));
    assert_eq!(event.message.data, json!({ "text": "hi" }));
    let frame: Value = serde_json::from_slice(event.frame()).expect("JSON");
    assert_eq!(frame, ada.recv_type("event").await);
}

#[tokio::test]
async fn a_refusal_names_the_client_the_room_and_the_event() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let mut watcher = Watcher::of(&server);
    let trigger = json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": "" } });
    assert_eq!(ada.refused(trigger).await, "VALIDATION_FAILED");
    assert_eq!(
        ada.refused(json!({ "type": "join", "roomId": "nowhere" })).await,
        "ROOM_NOT_FOUND"
    );
    ada.send_text("no request").await;
    match watcher.next().await {
        Observation::Refused {
            code: ErrorCode::ValidationFailed,
            message,
            client: Some(client),
            user: Some(user),
            room: Some(room),
            event: Some(event),
            ..
        } => {
            assert_eq!(ada.connected["clientId"], client.as_str());
            assert_eq!(
                (user.as_str(), room.as_str(), event.as_str()),
                ("ada", "chat", "message")
            );
            assert!(message.contains("schema"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        watcher.kinds(2).await,
        ["refused ROOM_NOT_FOUND", "refused INVALID_REQUEST"]
    );
    let stats = server.stats();
    assert_eq!(stats.refusals.total(), 3);
    assert_eq!(stats.refusals.of(ErrorCode::ValidationFailed), 1);
    assert_eq!(stats.refusals.of(ErrorCode::RoomNotFound), 1);
    assert_eq!(stats.refusals.of(ErrorCode::InvalidRequest), 1);
}

#[tokio::test]
async fn a_refused_connect_is_observed_without_a_client() {
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .authenticate(|_| async { refuse("who are you?") });
    let server = TestServer::start(builder).await;
    let mut watcher = Watcher::of(&server);
    let mut nobody = server.open().await;
    nobody.send(json!({ "type": "connect", "protocol": 1 })).await;
    assert_eq!(nobody.expect_close().await, 4500);
    assert_eq!(
        watcher.kinds(1).await,
        ["timed authenticate"],
        "a refusal is no failure"
    );
    match watcher.next().await {
        Observation::Refused {
            code: ErrorCode::Unauthenticated,
            client: None,
            user: None,
            ..
        } => {}
        other => panic!("{other:?}"),
    }
    until("the count of the close", || {
        server.stats().closes.of(CloseCode::Unauthenticated) == 1
    })
    .await;
    let stats = server.stats();
    assert_eq!(
        (stats.refusals.total(), stats.closes.total(), stats.hook_failures),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn a_disconnect_says_why() {
    let server = TestServer::plain().await;
    let mut watcher = Watcher::of(&server);
    let mut ada = server.joined("ada", "chat").await;
    server.here().clients_of("ada")[0].disconnect().await;
    assert_eq!(ada.expect_close().await, 4501);
    assert_eq!(watcher.kinds(3).await[2], "left chat ada 0 Expelled");
    match watcher.next().await {
        Observation::Disconnected {
            code: Some(CloseCode::Disconnected),
            reason,
            ..
        } => assert_eq!(&*reason, "disconnected by the server"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn failures_of_hooks_and_handlers_are_observed_with_what_they_are_about_and_timed() {
    let server = TestServer::with(|builder| {
        builder
            .on_joined(|_, _, _| async { Err::<(), _>("no database".into()) })
            .authorize(|_, _, _, _| async { Err(std::io::Error::other("no rights table").into()) })
    })
    .await;
    server.on(Chat, |_: EventMessage<Message>| async {
        Err::<(), _>("cannot handle it".into())
    });
    let mut watcher = Watcher::of(&server);
    let mut ada = server.joined("ada", "chat").await;
    assert_eq!(ada.say("chat", "hi").await["code"], "UNAVAILABLE");
    server.trigger(Chat, message("hi")).await.expect("an event");
    assert_eq!(watcher.kinds(2).await, ["connected ada", "joined chat ada 1"]);
    match watcher.next().await {
        Observation::HookFailed {
            hook: "on_joined",
            client: Some(client),
            user: Some(user),
            room: Some(room),
            event: None,
            ..
        } => {
            assert_eq!(ada.connected["clientId"], client.as_str());
            assert_eq!((user.as_str(), room.as_str()), ("ada", "chat"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        watcher.kinds(4).await,
        [
            "timed on_joined",
            "failed authorize: no rights table",
            "timed authorize",
            "refused UNAVAILABLE",
        ]
    );
    assert_eq!(watcher.kinds(1).await, ["event message Some(1)"]);
    match watcher.next().await {
        Observation::HookFailed {
            hook: "on",
            error,
            room: Some(room),
            event: Some(event),
            ..
        } => assert_eq!(
            (&*error, room.as_str(), event.as_str()),
            ("cannot handle it", "chat", "message")
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(server.stats().hook_failures, 3);
}

#[tokio::test]
async fn stats_tell_what_there_is_and_what_has_happened() {
    let server = TestServer::plain().await;
    let rooms = server.here().rooms().len();
    let mut ada = server.joined("ada", "chat").await;
    let second = server.joined("ada", "chat").await;
    let _bob = server.connect_as("bob").await;
    for _ in 0..6 {
        ada.say("chat", "hi").await;
    }
    server.trigger(Chat, dialogue_tests::Bell).await.expect("an event");
    let stats = server.stats();
    assert_eq!((stats.connections, stats.users, stats.rooms), (3, 2, rooms));
    assert_eq!(
        (stats.events_in, stats.events_out),
        (7, 12),
        "nobody subscribes to the bell"
    );
    assert_eq!((stats.history.rooms, stats.history.events), (1, 5));
    let kept = server.history().all("chat");
    let bytes: usize = kept
        .await
        .iter()
        .map(|kept| serde_json::to_vec(kept).expect("JSON").len())
        .sum();
    assert!(stats.history.bytes >= bytes, "{} bytes of {bytes}", stats.history.bytes);
    second.close().await;
    until("the end of the second client", || server.stats().connections == 2).await;
    assert_eq!(server.stats().users, 2, "the user's first client is still there");
    until("the count of its close", || server.stats().closed_by_clients == 1).await;
    assert_eq!(server.stats().closes.total(), 0);
}

#[tokio::test]
async fn stats_count_closes_by_their_code() {
    let server = TestServer::limited(Limits::default().with_queue_frames(8)).await;
    let mut kicked = server.connect_as("ada").await;
    server.here().clients_of("ada")[0].disconnect().await;
    assert_eq!(kicked.expect_close().await, 4501);

    let mut broken = RawClient::connected(server.address()).await;
    broken.send(FIN | 0x70 | TEXT, b"{}").await;
    assert_eq!(broken.expect_close().await, 1002);

    let mut stuck = RawClient::connected(server.address()).await;
    stuck.send(FIN | TEXT, br#"{"type":"join","roomId":"chat"}"#).await;
    stuck.recv().await.expect("joined");
    let chat = server.room(Chat).await.expect("the room");
    within("the disconnect", async {
        while chat.size().await > 0 {
            server
                .trigger(Chat, message(&"x".repeat(1_000)))
                .await
                .expect("an event");
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(stuck.expect_close().await, 4000);

    until("the count of three closes", || server.stats().closes.total() == 3).await;
    let stats = server.stats();
    for code in [
        CloseCode::Disconnected,
        CloseCode::ProtocolError,
        CloseCode::SlowConsumer,
    ] {
        assert_eq!(stats.closes.of(code), 1, "{code}");
    }
    assert_eq!((stats.slow_consumers, stats.closed_by_clients), (1, 0));
}

#[tokio::test]
async fn stats_tell_how_far_handlers_and_streams_are_behind() {
    let server = TestServer::limited(Limits::default().with_handler_queue(4)).await;
    let gate = Gate::default();
    let held = gate.clone();
    server.on(Chat, move |_: EventMessage<Message>| {
        let held = held.clone();
        async move { held.pass().await }
    });
    let mut stream = server.stream::<Message>(Chat);
    let trigger = async |count| {
        for _ in 0..count {
            server.trigger(Chat, message("hi")).await.expect("an event");
        }
    };
    trigger(1).await;
    gate.arrival().await;
    let stats = server.stats();
    assert_eq!(
        (stats.handler_lag, stats.handler_dropped),
        (1, 0),
        "the handler has taken it"
    );
    trigger(5).await;
    let stats = server.stats();
    assert_eq!((stats.handler_lag, stats.handler_dropped), (8, 3));
    gate.open();
    stream.next().await.expect("the server runs").expect_err("two are lost");
    for _ in 0..4 {
        stream.next().await.expect("the server runs").expect("an event");
    }
    until("the end of the lag", || server.stats().handler_lag == 0).await;
    trigger(1).await;
    drop(stream);
    until("no lag without readers", || server.stats().handler_lag == 0).await;
    assert_eq!(server.stats().handler_dropped, 3);
}

#[tokio::test]
async fn an_observer_that_never_reads_holds_nobody_up_and_learns_how_much_it_missed() {
    let server = TestServer::plain().await;
    let mut observations = server.observe().expect("a place");
    let events = 10_000;
    for _ in 0..events {
        server.trigger(Chat, message("hi")).await.expect("an event");
    }
    let lagged = observations
        .next()
        .await
        .expect("the server runs")
        .expect_err("it lagged");
    let mut seen = 0;
    server.stop().await;
    while let Some(next) = observations.next().await {
        next.expect("nothing more was missed");
        seen += 1;
    }
    // Each event from the sixth on evicts another one.
    assert_eq!(lagged.missed + seen, 2 * events - 5);
    assert_eq!(seen, 8_192);
}

#[tokio::test]
async fn a_server_has_places_for_sixteen_observers_and_takes_them_back() {
    let server = TestServer::plain().await;
    let mut observers: Vec<_> = (0..16).map(|_| server.observe().expect("a place")).collect();
    let refused = server.observe().expect_err("no place is left");
    assert!(matches!(refused, ObserveError::TooMany { max: 16, .. }), "{refused}");
    observers.pop();
    drop(server.observe().expect("a place"));
}

#[tokio::test]
async fn a_stream_shows_the_drain_and_ends_with_the_server() {
    let server = TestServer::plain().await;
    let mut watcher = Watcher::of(&server);
    let _ada = server.joined("ada", "chat").await;
    server.stop().await;
    assert_eq!(
        watcher.kinds(4).await[2..],
        ["left chat ada 0 Disconnected", "disconnected ada Some(1012)"]
    );
    assert!(watcher.0.next().await.is_none());
    let mut late = server.observe().expect("a place");
    assert!(late.next().await.is_none(), "a stopped server has nothing to show");
}
