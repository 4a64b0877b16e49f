//! `Dialogue::builder()`, the configurations that it rejects, `state` and `logger`.

use std::time::Duration;

use dialogue::event::EventDefinition;
use dialogue::prelude::*;
use dialogue::{BuildError, Dialogue, Limits, silent_logger};
use dialogue_tests::{CapturedLog, Chat, Message, Rooms, TestServer, message};
use serde_json::json;

mod other {
    dialogue::rooms! {
        /// Claims an id that another set has already declared.
        pub Rooms;
        /// Has the same id as `dialogue_tests::Chat`.
        pub Again = "chat" { events: [] }
    }
}

mod inside {
    dialogue::rooms! {
        /// Claims an id that belongs to a family.
        pub Rooms;
        /// Has an id of the family `dialogue_tests::Project`.
        pub Seven = "project-7" { events: [] }
    }
}

mod renamed {
    dialogue::rooms! {
        /// Claims the ids of a declared family.
        pub Rooms;
        /// Has the same ids as `dialogue_tests::Project`, but its field has another name.
        pub Plan { slug: String } = "project-{slug}" { events: [] }
    }
}

#[test]
fn two_sets_of_rooms_cannot_claim_the_same_id() {
    let twice = Dialogue::builder().rooms::<Rooms>().rooms::<other::Rooms>().build();
    assert!(matches!(twice, Err(BuildError::DuplicateRoom { id, .. }) if id == "chat"));
    let inside = Dialogue::builder().rooms::<Rooms>().rooms::<inside::Rooms>().build();
    let error = inside.err().map(|error| error.to_string());
    let error = error.unwrap_or_default();
    assert!(
        error.contains("`Seven` (`project-7`)") && error.contains("`Project` ("),
        "{error}"
    );
    let renamed = Dialogue::builder().rooms::<Rooms>().rooms::<renamed::Rooms>().build();
    assert!(matches!(renamed, Err(BuildError::DuplicateRoom { id, .. }) if id == "project-{slug}"));
}

mod documents {
    dialogue::rooms! {
        pub Rooms;
        pub Doc { id: String } = "doc-{id}" { events: [] }
    }
}

mod offices {
    dialogue::rooms! {
        pub Rooms;
        pub OrgDoc { org: String, id: u64 } = "doc-{org}-{id}" { events: [] }
    }
}

mod reports {
    dialogue::rooms! {
        pub Rooms;
        pub Year { year: u64 } = "report-{year}" { events: [] }
    }
}

mod latest {
    dialogue::rooms! {
        pub Rooms;
        pub Latest = "report-latest" { events: [] }
    }
}

mod apart {
    dialogue::rooms! {
        pub Rooms;
        pub Draft { id: String } = "{id}.draft" { events: [] }
    }
}

/// Otherwise, a client could take an id of one family by joining the other.
#[test]
fn two_sets_cannot_have_families_whose_ids_overlap() {
    let built = Dialogue::builder()
        .rooms::<documents::Rooms>()
        .rooms::<offices::Rooms>()
        .build();
    let error = built.err().map(|error| error.to_string()).unwrap_or_default();
    for part in [
        "`OrgDoc` (`doc-{org}-{id}`)",
        "`Doc` (`doc-{id}`)",
        "documents::Rooms",
        "offices::Rooms",
        "`doc-7-7`",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // As in one block, the types of fields do not count.
    let built = Dialogue::builder()
        .rooms::<reports::Rooms>()
        .rooms::<latest::Rooms>()
        .build();
    let error = built.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("`report-latest`"), "{error}");
    let built = Dialogue::builder()
        .rooms::<apart::Rooms>()
        .rooms::<documents::Rooms>()
        .build();
    let error = built.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("`doc-.draft`"), "{error}");
}

#[test]
fn two_sets_can_have_families_whose_ids_never_overlap() {
    let built = Dialogue::builder()
        .rooms::<offices::Rooms>()
        .rooms::<reports::Rooms>()
        .rooms::<other::Rooms>()
        .build();
    assert!(built.is_ok(), "{:?}", built.err());
}

#[test]
fn a_set_that_is_added_twice_is_named() {
    let built = Dialogue::builder().rooms::<Rooms>().rooms::<Rooms>().build();
    let error = built.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("`.rooms::<…>()` once"), "{error}");
}

#[tokio::test]
async fn a_weak_handle_reaches_its_server_and_does_not_keep_it_alive() {
    let dialogue = Dialogue::builder().rooms::<Rooms>().build().expect("a server");
    let weak = dialogue.downgrade();
    // The server owns this closure, so a `Dialogue` in it would keep the server alive forever.
    let itself = weak.clone();
    drop(dialogue.on(Chat, move |_: EventMessage<Message>| {
        let itself = itself.clone();
        async move { drop(itself) }
    }));
    let same = weak.upgrade().expect("the server is alive");
    assert!(same.trigger(Chat, message("hi")).await.is_ok());
    drop((same, dialogue));
    dialogue_tests::until("the end of the handler", || weak.upgrade().is_none()).await;
}

#[test]
fn a_builder_rejects_more_rooms_than_max_rooms() {
    let limits = Limits::default().with_max_rooms(3);
    let built = Dialogue::builder().rooms::<Rooms>().limits(limits).build();
    assert!(matches!(built, Err(BuildError::TooManyRooms { max_rooms: 3 })));
}

#[test]
fn a_base_path_must_consist_of_literal_segments() {
    for path in [
        "", "/", "live", "/live/", "//live", "/a//b", "/.", "/a/../b", "/a b", "/a?b", "/a#b", "/ü", "/a%2fb", "/{x}",
        "/{", "/{*rest}", "/:x", "/*x", "/\n",
    ] {
        let built = Dialogue::builder().rooms::<Rooms>().base_path(path).build();
        assert!(matches!(built, Err(BuildError::BasePath { .. })), "{path:?}");
    }
    for path in ["/live", "/api/v1.2", "/~ada/chat_room-7", "/!$&'()+,;=@/..."] {
        // The router registers the routes under this path.
        let _ = Dialogue::builder()
            .rooms::<Rooms>()
            .base_path(path)
            .build()
            .expect(path)
            .router();
    }
}

#[test]
fn a_builder_rejects_an_invalid_origin() {
    for origin in ["example.com", "https://", "https://example.com/path", "*", "null"] {
        let built = Dialogue::builder().rooms::<Rooms>().allow_origin(origin).build();
        assert!(matches!(built, Err(BuildError::Origin { .. })), "{origin}");
    }
}

#[test]
fn a_builder_rejects_two_sources_of_identity() {
    let built = Dialogue::builder()
        .trust_client_identity()
        .authenticate(|_| async { Ok(Identity::anonymous()) })
        .build();
    assert!(matches!(built, Err(BuildError::TwoIdentities)));
}

#[test]
fn two_events_with_the_same_name_are_ambiguous_if_a_room_allows_any_event() {
    let mine = EventDefinition::new("message").build().expect("a definition");
    let built = Dialogue::builder().rooms::<Rooms>().define_events([mine]).build();
    assert!(matches!(built, Err(BuildError::AmbiguousEvent { name, .. }) if name == "message"));
}

#[tokio::test]
async fn events_registered_with_the_builder_are_validated_in_open_rooms() {
    let order = EventDefinition::new("order")
        .schema(json!({ "type": "object", "required": ["id"] }))
        .build()
        .expect("a definition");
    let server = TestServer::with(|builder| builder.define_events([order])).await;
    let mut ada = server.joined("ada", "open").await;
    let trigger = |data| json!({ "type": "trigger", "roomId": "open", "event": "order", "data": data });
    assert_eq!(ada.refused(trigger(json!({}))).await, "VALIDATION_FAILED");
    ada.request(trigger(json!({ "id": 1, "extra": true }))).await;
    let event = ada.recv_type("event").await;
    assert_eq!(
        event["data"],
        json!({ "id": 1, "extra": true }),
        "no Rust type drops the unknown field"
    );
    assert!(server.event("order").is_some() && server.event("unknown").is_none());
}

struct Greeting(&'static str);

#[tokio::test]
async fn hooks_can_reach_the_applications_state() {
    let server = TestServer::with(|builder| {
        builder.state(Greeting("welcome")).on_connected(|client| async move {
            let greeting = client.dialogue().state::<Greeting>().ok_or("no state")?;
            client.send(message(greeting.0))?;
            Ok(())
        })
    })
    .await;
    let mut ada = server.connect_as("ada").await;
    assert_eq!(ada.recv_type("direct").await["data"]["text"], "welcome");
    assert!(server.state::<String>().is_none(), "the state has another type");
}

#[tokio::test]
async fn failures_are_logged_to_the_given_logger() {
    let log = CapturedLog::default();
    let server = TestServer::with(|builder| {
        builder
            .logger(log.dispatch())
            .on_joined(|_, _, _| async { Err::<(), _>("the mail server is away".into()) })
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
            .on_joined(|_, _, _| async { Err::<(), _>("hook failure".into()) })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    ada.assert_nothing_came().await;
    tracing::error!("logged by the application");
    assert!(
        log.text().contains("logged by the application") && !log.text().contains("hook failure"),
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn without_a_logger_the_server_logs_to_the_applications_subscriber() {
    let log = CapturedLog::default();
    let _guard = tracing::dispatcher::set_default(&log.dispatch());
    let server =
        TestServer::with(|builder| builder.on_joined(|_, _, _| async { Err::<(), _>("a hook failure".into()) })).await;
    server.joined("ada", "chat").await;
    log.line_with(&["a hook failure"]).await;
}

#[tokio::test]
async fn a_dialogue_is_a_cheap_handle_to_one_server() {
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
fn a_server_without_a_set_of_rooms_is_an_error_that_names_the_call() {
    let complete = || Dialogue::builder().allow_origin("https://app.example").state(7);
    let error = complete().build().err().map(|error| error.to_string());
    assert!(
        error.as_ref().is_some_and(|error| error.contains("`.rooms::<…>()`")),
        "{error:?}"
    );
    assert!(complete().rooms::<Rooms>().build().is_ok());
    // A program that creates its rooms at run time says so, with or without events of its own.
    assert!(complete().define_events([]).build().is_ok());
}

#[test]
fn limits_that_admit_no_client_or_no_work_are_errors_that_name_the_limit() {
    type Break = fn(Limits) -> Limits;
    let useless: [(&str, Break); 22] = [
        ("message_bytes", |limits| limits.with_message_bytes(30)),
        ("json_depth", |limits| limits.with_json_depth(0)),
        ("json_depth", |limits| limits.with_json_depth(1)),
        ("queue_frames", |limits| limits.with_queue_frames(0)),
        ("queue_bytes", |limits| {
            limits
                .with_queue_bytes(200)
                .with_replay_bytes(0)
                .with_history_page_bytes(0)
        }),
        ("write_deadline", |limits| limits.with_write_deadline(Duration::ZERO)),
        ("ping_interval", |limits| limits.with_ping_interval(Duration::ZERO)),
        ("ping_timeout", |limits| limits.with_ping_timeout(Duration::ZERO)),
        ("connect_deadline", |limits| {
            limits.with_connect_deadline(Duration::ZERO)
        }),
        ("hook_deadline", |limits| limits.with_hook_deadline(Duration::ZERO)),
        ("handler_queue", |limits| limits.with_handler_queue(0)),
        ("rooms_per_client", |limits| limits.with_rooms_per_client(0)),
        ("subscriptions_per_client", |limits| {
            limits.with_subscriptions_per_client(0)
        }),
        ("max_rooms", |limits| limits.with_max_rooms(0)),
        ("max_rooms", |limits| limits.with_max_rooms(3)),
        ("inbound_frames", |limits| limits.with_inbound_frames(0)),
        ("connections_per_user", |limits| limits.with_connections_per_user(0)),
        ("connections_per_address", |limits| {
            limits.with_connections_per_address(0)
        }),
        ("history_page_events", |limits| limits.with_history_page_events(0)),
        ("room_page", |limits| limits.with_room_page(0)),
        ("history_page_bytes", |limits| {
            limits.with_history_page_bytes(usize::MAX)
        }),
        ("replay_bytes", |limits| limits.with_replay_bytes(usize::MAX)),
    ];
    for (name, restrict) in useless {
        let limits = restrict(Limits::default());
        let built = Dialogue::builder().rooms::<Rooms>().limits(limits).build();
        let error = built.err().map(|error| error.to_string());
        assert!(
            error.as_ref().is_some_and(|error| error.contains(name)),
            "{name}: {error:?}"
        );
    }
}

#[tokio::test]
async fn the_lowest_limits_that_build_still_serve_a_client() {
    let limits = Limits::default()
        .with_message_bytes(128)
        .with_json_depth(2)
        .with_queue_frames(2)
        .with_queue_bytes(1024)
        .with_replay_bytes(0)
        .with_replay_events(0)
        .with_history_page_bytes(0)
        .with_history_page_events(1)
        .with_history_bytes(0)
        .with_room_page(1)
        .with_handler_queue(1)
        .with_handler_depth(0)
        .with_rooms_per_client(1)
        .with_subscriptions_per_client(2)
        .with_max_rooms(4)
        .with_on_demand_idle(Duration::ZERO)
        .with_inbound_window(Duration::ZERO)
        .with_inbound_frames(1)
        .with_connections_per_user(1)
        .with_connections_per_address(1)
        .with_drain_deadline(Duration::ZERO);
    let server = TestServer::limited(limits).await;
    let mut ada = server.joined("ada", "chat").await;
    assert_eq!(ada.say("chat", "hi").await["type"], "ok");
}

#[test]
fn a_builder_rejects_inconsistent_limits() {
    let break_limits: [fn(&mut Limits); 9] = [
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
    for break_limit in break_limits {
        let mut limits = Limits::default();
        break_limit(&mut limits);
        let built = Dialogue::builder().rooms::<Rooms>().limits(limits.clone()).build();
        assert!(matches!(built, Err(BuildError::Limits { .. })), "{limits:?}");
    }
}

#[tokio::test]
async fn limits_accept_the_longest_duration() {
    let server = TestServer::limited(
        Limits::default()
            .with_write_deadline(Duration::MAX)
            .with_ping_interval(Duration::MAX)
            .with_ping_timeout(Duration::MAX)
            .with_connect_deadline(Duration::MAX)
            .with_hook_deadline(Duration::MAX)
            .with_on_demand_idle(Duration::MAX)
            .with_inbound_window(Duration::MAX)
            .with_drain_deadline(Duration::MAX),
    )
    .await;
    let mut ada = server.joined("ada", "lobby-x").await;
    assert_eq!(ada.say("lobby-x", "hi").await["type"], "ok");
    ada.request(json!({ "type": "leave", "roomId": "lobby-x" })).await;
    server.stop().await;
    assert_eq!(ada.expect_close().await, 1012);
}
