//! `Dialogue::builder()`, what it refuses, `state` and `logger`.

use std::time::Duration;

use dialogue::prelude::*;
use dialogue::{BuildError, Dialogue, EventDefinition, Limits, silent_logger};
use dialogue_tests::{CapturedLog, Chat, Message, Rooms, TestServer, message};
use serde_json::json;

mod other {
    dialogue::rooms! {
        /// Claims an id that is taken.
        pub Rooms;
        /// The same id as `dialogue_tests::Chat`.
        pub Again = "chat" { events: [] }
    }
}

mod inside {
    dialogue::rooms! {
        /// Claims an id that a family could have.
        pub Rooms;
        /// One of `dialogue_tests::Project`.
        pub Seven = "project-7" { events: [] }
    }
}

mod renamed {
    dialogue::rooms! {
        /// Claims the ids of a family.
        pub Rooms;
        /// The ids of `dialogue_tests::Project`, whose field is called otherwise.
        pub Plan { slug: String } = "project-{slug}" { events: [] }
    }
}

#[test]
fn rooms_of_two_sets_may_not_claim_the_same_id() {
    let twice = Dialogue::builder().rooms::<Rooms>().rooms::<other::Rooms>().build();
    assert!(matches!(twice, Err(BuildError::DuplicateRoom { id }) if id == "chat"));
    let inside = Dialogue::builder().rooms::<Rooms>().rooms::<inside::Rooms>().build();
    let error = inside.err().map(|error| error.to_string());
    assert_eq!(
        error.as_deref(),
        Some("`project-7` has ids in common with another declared room")
    );
    let renamed = Dialogue::builder().rooms::<Rooms>().rooms::<renamed::Rooms>().build();
    assert!(matches!(renamed, Err(BuildError::DuplicateRoom { id }) if id == "project-{slug}"));
}

#[test]
fn more_rooms_than_may_be_are_not_built() {
    let limits = Limits {
        max_rooms: 3,
        ..Limits::default()
    };
    let built = Dialogue::builder().rooms::<Rooms>().limits(limits).build();
    assert!(matches!(built, Err(BuildError::TooManyRooms { max_rooms: 3 })));
}

#[test]
fn a_base_path_is_segments_that_stand_for_themselves() {
    for path in [
        "", "/", "live", "/live/", "//live", "/a//b", "/.", "/a/../b", "/a b", "/a?b", "/a#b", "/ü", "/a%2fb", "/{x}",
        "/{", "/{*rest}", "/:x", "/*x", "/\n",
    ] {
        let built = Dialogue::builder().base_path(path).build();
        assert!(matches!(built, Err(BuildError::BasePath { .. })), "{path:?}");
    }
    for path in ["/live", "/api/v1.2", "/~ada/chat_room-7", "/!$&'()+,;=@/..."] {
        // Routes are made of it here.
        let _ = Dialogue::builder().base_path(path).build().expect(path).router();
    }
}

#[test]
fn an_origin_that_is_none_is_not_built() {
    for origin in ["example.com", "https://", "https://example.com/path", "*", "null"] {
        let built = Dialogue::builder().allow_origin(origin).build();
        assert!(matches!(built, Err(BuildError::Origin { .. })), "{origin}");
    }
}

#[test]
fn identity_comes_from_one_place() {
    let built = Dialogue::builder()
        .trust_client_identity()
        .authenticate(|_| async { Ok(Identity::anonymous()) })
        .build();
    assert!(matches!(built, Err(BuildError::TwoIdentities)));
}

#[test]
fn two_events_of_one_name_are_ambiguous_where_a_room_allows_any_event() {
    let mine = EventDefinition::new("message").build().expect("a definition");
    let built = Dialogue::builder().rooms::<Rooms>().events([mine]).build();
    assert!(matches!(built, Err(BuildError::AmbiguousEvent { name, .. }) if name == "message"));
}

#[tokio::test]
async fn events_given_to_the_builder_are_validated_in_open_rooms() {
    let order = EventDefinition::new("order")
        .schema(json!({ "type": "object", "required": ["id"] }))
        .build()
        .expect("a definition");
    let server = TestServer::with(|builder| builder.events([order])).await;
    let mut ada = server.joined("ada", "open").await;
    let trigger = |data| json!({ "type": "trigger", "roomId": "open", "event": "order", "data": data });
    assert_eq!(ada.refused(trigger(json!({}))).await, "VALIDATION_FAILED");
    ada.request(trigger(json!({ "id": 1, "extra": true }))).await;
    let event = ada.recv_type("event").await;
    assert_eq!(
        event["data"],
        json!({ "id": 1, "extra": true }),
        "there is no type to shape it"
    );
    assert!(server.event("order").is_some() && server.event("unheard-of").is_none());
}

struct Greeting(&'static str);

#[tokio::test]
async fn hooks_reach_the_applications_state() {
    let server = TestServer::with(|builder| {
        builder.state(Greeting("welcome")).on_connected(|client| async move {
            let greeting = client.dialogue().state::<Greeting>().ok_or("no state")?;
            client.send(message(greeting.0)).map(drop).map_err(|_| "not sent")
        })
    })
    .await;
    let mut ada = server.connect_as("ada").await;
    assert_eq!(ada.recv_type("direct").await["data"]["text"], "welcome");
    assert!(server.state::<String>().is_none(), "it is of another type");
}

#[tokio::test]
async fn what_goes_wrong_is_logged_to_the_logger_that_was_given() {
    let log = CapturedLog::default();
    let server = TestServer::with(|builder| {
        builder
            .logger(log.dispatch())
            .on_joined(|_, _| async { Err::<(), _>("the mail server is away") })
    })
    .await;
    server.joined("ada", "chat").await;
    log.line_with(&["ERROR", "on_joined", "the mail server is away"]).await;
}

#[tokio::test]
async fn the_silent_logger_keeps_a_server_out_of_the_applications_log() {
    let log = CapturedLog::default();
    let _guard = tracing::dispatcher::set_default(&log.dispatch());
    let server = TestServer::with(|builder| {
        builder
            .logger(silent_logger())
            .on_joined(|_, _| async { Err::<(), _>("unheard") })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    ada.assert_nothing_came().await;
    tracing::error!("heard");
    assert!(
        log.text().contains("heard") && !log.text().contains("unheard"),
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn without_a_logger_the_applications_own_subscriber_is_used() {
    let log = CapturedLog::default();
    let _guard = tracing::dispatcher::set_default(&log.dispatch());
    let server =
        TestServer::with(|builder| builder.on_joined(|_, _| async { Err::<(), _>("for the application") })).await;
    server.joined("ada", "chat").await;
    log.line_with(&["for the application"]).await;
}

#[tokio::test]
async fn a_dialogue_is_a_cheap_handle_on_one_server() {
    let server = TestServer::plain().await;
    let other = server.dialogue().clone();
    let mut ada = server.joined("ada", "chat").await;
    other
        .trigger::<Message>(Chat, message("from the other handle"))
        .await
        .expect("an event");
    assert_eq!(ada.recv_type("event").await["data"]["text"], "from the other handle");
    assert_eq!(other.limits(), server.limits());
}

#[test]
fn limits_that_cannot_be_kept_are_not_built() {
    let spoilt: [fn(&mut Limits); 9] = [
        |limits| limits.json_depth = 128,
        |limits| limits.message_bytes = 0,
        |limits| limits.queue_frames = 1,
        |limits| limits.replay_bytes = limits.queue_bytes,
        |limits| limits.history_page_bytes = limits.queue_bytes,
        |limits| limits.handler_queue = 0,
        |limits| limits.history_page_events = 0,
        |limits| limits.room_page = 0,
        |limits| limits.ping_timeout = Duration::ZERO,
    ];
    for spoil in spoilt {
        let mut limits = Limits::default();
        spoil(&mut limits);
        let built = Dialogue::builder().limits(limits.clone()).build();
        assert!(matches!(built, Err(BuildError::Limits { .. })), "{limits:?}");
    }
}

#[tokio::test]
async fn a_duration_may_be_as_long_as_durations_are() {
    let server = TestServer::limited(Limits {
        write_deadline: Duration::MAX,
        ping_interval: Duration::MAX,
        ping_timeout: Duration::MAX,
        connect_deadline: Duration::MAX,
        hook_deadline: Duration::MAX,
        on_demand_idle: Duration::MAX,
        inbound_window: Duration::MAX,
        drain_deadline: Duration::MAX,
        ..Limits::default()
    })
    .await;
    let mut ada = server.joined("ada", "lobby-x").await;
    assert_eq!(ada.say("lobby-x", "hi").await["type"], "ok");
    ada.request(json!({ "type": "leave", "roomId": "lobby-x" })).await;
    server.stop().await;
    assert_eq!(ada.expect_close().await, 1012);
}
