//! A panic, an error or a hang in a hook or handler harms only the operation that it ran for.

use std::time::Duration;

use dialogue::prelude::*;
use dialogue::{Builder, Dialogue, Limits};
use dialogue_tests::{CapturedLog, Chat, Gate, Message, Project, Rooms, TestServer, message};
use futures_util::future::join_all;
use serde_json::json;

/// The ways in which a hook goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Panic,
    PanicAtOnce,
    Error,
    Hang,
    PanicInDrop,
}

pub(super) const FAULTS: [Fault; 5] = [
    Fault::Panic,
    Fault::PanicAtOnce,
    Fault::Error,
    Fault::Hang,
    Fault::PanicInDrop,
];

/// Panics when the server drops the hook that holds it.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the hook broke as it was dropped");
    }
}

impl Fault {
    /// Runs when the server calls the hook, before the hook returns its future.
    pub(super) fn at_once(self) {
        if self == Self::PanicAtOnce {
            panic!("the hook broke at once");
        }
    }

    /// Runs as the hook's future. It never returns `Ok`.
    pub(super) async fn then<T>(self) -> Result<T, HookError> {
        match self {
            Self::Panic | Self::PanicAtOnce => panic!("the hook broke"),
            Self::Error => Err(std::io::Error::other("the hook failed").into()),
            Self::Hang => std::future::pending().await,
            Self::PanicInDrop => {
                let _bomb = Bomb;
                std::future::pending().await
            }
        }
    }

    /// A part of the log line for this fault.
    pub(super) fn logged(self) -> &'static str {
        match self {
            Self::Panic | Self::PanicAtOnce => "the hook broke",
            Self::Error => "the hook failed",
            Self::Hang => "took longer",
            Self::PanicInDrop => "broke as it was dropped",
        }
    }
}

/// A server with a short deadline for hooks, and its log.
async fn server_with(configure: impl FnOnce(Builder) -> Builder) -> (TestServer, CapturedLog) {
    let log = CapturedLog::default();
    let limits = Limits::default().with_hook_deadline(Duration::from_millis(50));
    let server = TestServer::with(|builder| configure(builder.limits(limits).logger(log.dispatch()))).await;
    (server, log)
}

/// Asserts that another client can join, trigger and leave as if nothing had happened.
async fn assert_healthy(server: &TestServer) {
    let mut bob = server.joined("bob", "chat").await;
    assert_eq!(bob.say("chat", "all is well").await["type"], "ok");
    bob.recv_type("event").await;
    bob.request(json!({ "type": "leave", "roomId": "chat" })).await;
    bob.close().await;
}

#[tokio::test]
async fn an_authenticate_hook_that_fails_admits_nobody() {
    for fault in FAULTS {
        let log = CapturedLog::default();
        let limits = Limits::default().with_connect_deadline(Duration::from_millis(300));
        let builder = Dialogue::builder()
            .rooms::<Rooms>()
            .limits(limits)
            .logger(log.dispatch());
        let server = TestServer::start(builder.authenticate(move |handshake| {
            let faulty = handshake.auth.is_null();
            if faulty {
                fault.at_once();
            }
            async move {
                if faulty {
                    fault.then().await
                } else {
                    Ok(Identity::user("bob"))
                }
            }
        }))
        .await;
        let mut client = server.open().await;
        client.send(json!({ "type": "connect", "protocol": 1 })).await;
        let code = client.expect_close().await;
        assert_eq!(code, 4003, "{fault:?}");
        let error = client.recv_type("error").await;
        assert_eq!(error["code"], "UNAVAILABLE");
        assert!(!error.to_string().contains("the hook"), "{error}");
        assert!(server.here().clients().is_empty());
        log.line_with(&["authenticate", fault.logged()]).await;
        let mut bob = server.open().await;
        bob.connect(json!({})).await;
    }
}

#[tokio::test]
async fn a_before_join_hook_that_fails_denies_only_that_join() {
    for fault in FAULTS {
        let (server, log) = server_with(|builder| {
            builder.before_join(move |client, _| {
                let faulty = *client.user_id() == "ada";
                if faulty {
                    fault.at_once();
                }
                async move { if faulty { fault.then().await } else { Ok(()) } }
            })
        })
        .await;
        let mut ada = server.connect_as("ada").await;
        let error = ada.request(json!({ "type": "join", "roomId": "chat" })).await;
        assert_eq!(error["code"], "UNAVAILABLE", "{fault:?}");
        assert!(!error.to_string().contains("the hook"), "{error}");
        assert_eq!(server.room(Chat).await.expect("the room").size().await, 0);
        log.line_with(&["before_join", fault.logged()]).await;
        assert_healthy(&server).await;
    }
}

#[tokio::test]
async fn a_client_is_disconnected_with_its_close_code_even_if_its_running_hook_panics_when_dropped() {
    let asked = dialogue_tests::Record::default();
    let (noted, in_before_join) = (asked.clone(), asked.clone());
    let server = TestServer::start(
        Dialogue::builder()
            .rooms::<Rooms>()
            .authenticate(move |handshake| {
                let hangs = handshake.auth["hangs"] == true;
                noted.note("authenticate");
                async move {
                    if hangs {
                        return Fault::PanicInDrop.then().await;
                    }
                    Ok(Identity::user("ada"))
                }
            })
            .before_join(move |_, _| {
                in_before_join.note("before_join");
                Fault::PanicInDrop.then()
            }),
    )
    .await;
    let mut ada = server.open().await;
    ada.connect(json!({})).await;
    ada.send(json!({ "type": "join", "roomId": "chat" })).await;
    asked.expect(&["authenticate", "before_join"]).await;
    server.here().clients()[0].disconnect().await;
    assert_eq!(ada.expect_close().await, 4501);
    let mut eve = server.open().await;
    eve.send(json!({ "type": "connect", "protocol": 1, "auth": { "hangs": true } }))
        .await;
    asked.expect(&["authenticate"]).await;
    server.stop().await;
    assert_eq!(eve.expect_close().await, 1012);
}

#[tokio::test]
async fn a_before_each_hook_that_fails_blocks_only_that_event() {
    for fault in FAULTS {
        let (server, log) = server_with(|builder| {
            builder.before_each(move |message, _| {
                let faulty = message.data["text"] == "bad";
                if faulty {
                    fault.at_once();
                }
                async move { if faulty { fault.then().await } else { Ok(message) } }
            })
        })
        .await;
        let mut ada = server.joined("ada", "chat").await;
        let error = ada.say("chat", "bad").await;
        assert_eq!(error["code"], "UNAVAILABLE", "{fault:?}");
        assert!(!error.to_string().contains("the hook"), "{error}");
        ada.assert_nothing_came().await;
        log.line_with(&["before_each", fault.logged()]).await;
        assert_healthy(&server).await;
    }
}

#[tokio::test]
async fn failures_in_hooks_about_clients_are_logged_and_the_client_continues() {
    for fault in FAULTS {
        for hook in ["on_connected", "on_disconnected", "on_joined", "on_left"] {
            let (server, log) = server_with(|builder| {
                let of_client = move |client: Client| {
                    let faulty = *client.user_id() == "ada";
                    if faulty {
                        fault.at_once();
                    }
                    async move { if faulty { fault.then().await } else { Ok(()) } }
                };
                match hook {
                    "on_connected" => builder.on_connected(of_client),
                    "on_disconnected" => builder.on_disconnected(move |client, _| of_client(client)),
                    "on_joined" => builder.on_joined(move |client, _, _| of_client(client)),
                    _ => builder.on_left(move |client, _, _| of_client(client)),
                }
            })
            .await;
            let mut ada = server.joined("ada", "chat").await;
            assert_eq!(ada.say("chat", "hi").await["type"], "ok", "{hook} {fault:?}");
            ada.request(json!({ "type": "leave", "roomId": "chat" })).await;
            ada.join("chat").await;
            ada.close().await;
            log.line_with(&[hook, fault.logged()]).await;
            dialogue_tests::until("the removal of ada's client", || {
                server.here().clients_of("ada").is_empty()
            })
            .await;
            assert_eq!(
                server.room(Chat).await.expect("the room").size().await,
                0,
                "{hook} {fault:?}"
            );
            assert_healthy(&server).await;
        }
    }
}

#[tokio::test]
async fn failures_in_hooks_about_rooms_are_logged_and_rooms_are_still_created_and_deleted() {
    for fault in FAULTS {
        for hook in ["on_room_created", "on_room_deleted"] {
            let (server, log) = server_with(|builder| {
                let of_room = move |_: RoomHandle| {
                    fault.at_once();
                    fault.then::<()>()
                };
                match hook {
                    "on_room_created" => builder.on_room_created(of_room),
                    _ => builder.on_room_deleted(of_room),
                }
            })
            .await;
            for _ in 0..2 {
                server.create_room(Project { id: 7 }).await.expect("a room");
                assert!(server.delete_room(Project { id: 7 }).await.expect("a deletion"));
            }
            log.line_with(&[hook, fault.logged()]).await;
            assert_healthy(&server).await;
        }
    }
}

#[tokio::test]
async fn failures_in_hooks_about_events_are_logged_and_events_are_still_delivered() {
    for fault in FAULTS {
        let (server, log) = server_with(|builder| {
            builder.on_triggered(move |_, _| {
                fault.at_once();
                fault.then::<()>()
            })
        })
        .await;
        assert_healthy(&server).await;
        log.line_with(&["on_triggered", fault.logged()]).await;
    }
    let (server, log) =
        server_with(|builder| builder.after_each(|message, _| assert!(message.data.is_null(), "the hook broke"))).await;
    assert_healthy(&server).await;
    log.line_with(&["after_each", "the hook broke"]).await;
}

#[tokio::test]
async fn a_handler_that_fails_receives_the_next_event_and_other_handlers_receive_every_event() {
    for fault in FAULTS {
        let (server, log) = server_with(|builder| builder).await;
        let record = dialogue_tests::Record::default();
        let (faulty, healthy) = (record.clone(), dialogue_tests::Record::default());
        server.on(Chat, move |message: EventMessage<Message>| {
            let faulty = faulty.clone();
            let is_bad = message.data.text == "bad";
            if is_bad {
                fault.at_once();
            }
            async move {
                if is_bad {
                    fault.then::<()>().await?;
                }
                faulty.note(message.data.text);
                Ok(())
            }
        });
        let noted = healthy.clone();
        server.on(Chat, move |message: EventMessage<Message>| {
            noted.note(message.data.text);
            async {}
        });
        for text in ["one", "bad", "two"] {
            server.trigger(Chat, message(text)).await.expect("an event");
        }
        record.expect(&["one", "two"]).await;
        healthy.expect(&["one", "bad", "two"]).await;
        log.line_with(&["on", fault.logged()]).await;
        assert_healthy(&server).await;
    }
}

#[tokio::test]
async fn a_load_history_hook_that_fails_makes_the_request_unavailable() {
    for fault in FAULTS {
        let (server, log) = server_with(|builder| {
            builder.load_history(move |_| {
                fault.at_once();
                fault.then::<Vec<EventMessage>>()
            })
        })
        .await;
        let mut ada = server.joined("ada", "chat").await;
        let history = json!({ "type": "history", "roomId": "chat", "event": "message" });
        let error = ada.request(history).await;
        assert_eq!(error["code"], "UNAVAILABLE", "{fault:?}");
        assert!(!error.to_string().contains("the hook"), "{error}");
        log.line_with(&["load_history", fault.logged()]).await;
        assert_healthy(&server).await;
    }
}

#[tokio::test]
async fn an_on_history_evicted_hook_that_fails_is_retried_and_the_loss_is_then_logged() {
    // The pauses between attempts run in real time, so all faults run at once.
    join_all(FAULTS.map(async |fault| {
        let attempts = dialogue_tests::Record::default();
        let noted = attempts.clone();
        let (server, log) = server_with(|builder| {
            builder.on_history_evicted(move |evicted| {
                noted.note(evicted.messages[0].data["text"].to_string());
                fault.at_once();
                fault.then::<()>()
            })
        })
        .await;
        for number in 1..=6 {
            server
                .trigger(Chat, message(&number.to_string()))
                .await
                .expect("a trigger does not wait for hooks");
        }
        attempts.expect(&["\"1\""; 5]).await;
        let line = log.line_with(&["LOST", "chat", "message"]).await;
        assert!(line.contains("ERROR"), "{line}");
        assert_healthy(&server).await;
    }))
    .await;
}

/// An error that cannot be displayed.
#[derive(Debug)]
struct Unprintable;

impl std::fmt::Display for Unprintable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("the error broke as it was displayed")
    }
}

impl std::error::Error for Unprintable {}

#[tokio::test]
async fn an_error_that_panics_when_displayed_stops_no_hook_for_good() {
    let record = dialogue_tests::Record::default();
    let noted = record.clone();
    let (server, log) = server_with(|builder| {
        builder
            .before_join(|client, _| async move {
                match client.user_id().as_str() {
                    "ada" => Err(Unprintable)?,
                    "eve" => Err(Refusal::because("not you", Unprintable))?,
                    _ => Ok(()),
                }
            })
            .on_history_evicted(move |evicted| {
                noted.note(evicted.messages[0].data["text"].to_string());
                async { Err::<(), _>(Unprintable.into()) }
            })
    })
    .await;
    for (user, code) in [("ada", "UNAVAILABLE"), ("eve", "JOIN_DENIED")] {
        let mut client = server.connect_as(user).await;
        let error = client.request(json!({ "type": "join", "roomId": "chat" })).await;
        assert_eq!(error["code"], code);
    }
    for number in 1..=6 {
        server
            .trigger(Chat, message(&number.to_string()))
            .await
            .expect("an event");
    }
    record.expect(&["\"1\""; 5]).await;
    log.line_with(&["LOST", "cannot be displayed"]).await;
    server.trigger(Chat, message("7")).await.expect("an event");
    record.expect(&["\"2\""]).await;
    assert_healthy(&server).await;
}

#[tokio::test]
async fn a_stalled_on_triggered_hook_queues_a_bounded_number_of_events() {
    let gate = Gate::default();
    let (held, log) = (gate.clone(), CapturedLog::default());
    let server = TestServer::with(|builder| {
        builder.logger(log.dispatch()).on_triggered(move |_, _| {
            let held = held.clone();
            async move { held.pass().await }
        })
    })
    .await;
    for _ in 0..1_024 {
        server
            .trigger(Chat, message("hi"))
            .await
            .expect("a trigger does not wait for hooks");
    }
    assert!(!log.text().contains("too many"), "{}", log.text());
    server
        .trigger(Chat, message("hi"))
        .await
        .expect("a trigger does not wait for hooks");
    log.line_with(&["ERROR", "on_triggered", "too many"]).await;
    gate.open();
    assert_healthy(&server).await;
}
