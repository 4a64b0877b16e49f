//! Application code other than hooks: `FromStr` and `Display` of a family's ids, `Deserialize`, errors, values that are
//! dropped, and subscribers of `tracing`. The server holds no lock while such code runs, and a panic in it harms only the
//! request that ran it.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::IntoFuture;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dialogue::hooks::HookFailure;
use dialogue::prelude::*;
use dialogue::{Limits, WeakDialogue, testing};
use dialogue_tests::{CapturedLog, Gate, Message, Record, TestServer, message, until, within};
use futures_util::FutureExt;
use serde_json::json;
use tracing::span;

static SERVER: OnceLock<Dialogue> = OnceLock::new();
static WAS_LOCKED_OUT: AtomicBool = AtomicBool::new(false);

/// A name that looks up the rooms whenever it is parsed.
#[derive(Debug, Clone)]
struct Curious(String);

impl FromStr for Curious {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(dialogue) = SERVER.get().cloned() {
            let (asked, answered) = channel();
            // On a separate thread, so that a held lock fails the test instead of blocking it.
            std::thread::spawn(move || {
                dialogue
                    .here()
                    .rooms()
                    .iter()
                    .for_each(|room| drop(room.here().participants()));
                asked.send(dialogue.here().clients().len())
            });
            if answered.recv_timeout(Duration::from_secs(5)).is_err() {
                WAS_LOCKED_OUT.store(true, Ordering::SeqCst);
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Curious {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

rooms! {
    /// The rooms of this test.
    Rooms;

    /// Created by clients, and by the first client that joins.
    Desk { of: Curious } = "desk-{of}" {
        events: [Message],
        default_subscriptions: *,
        on_demand: true,
        client_created: 2,
    }

    /// Created by the server.
    Attic { number: u32 } = "attic-{number}" {
        events: [Message],
    }

    /// Where things break.
    Shelf = "shelf" {
        events: [Vase],
        default_subscriptions: *,
    }
}

/// An event whose `Deserialize` panics on "broken".
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Vase {
    #[serde(deserialize_with = "carefully")]
    state: String,
}

fn carefully<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let state = String::deserialize(deserializer)?;
    assert_ne!(state, "broken", "it broke");
    Ok(state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_lock_is_held_while_a_familys_id_is_parsed() {
    let server = TestServer::start(Dialogue::builder().rooms::<Rooms>().trust_client_identity()).await;
    let received = Record::default();
    let noted = received.clone();
    server.on(Desk::every(), move |said: EventMessage<Message>| {
        noted.note(said.room_id.as_str());
        async {}
    });
    assert!(SERVER.set(server.dialogue().clone()).is_ok());
    let mut ada = server.connect_as("ada").await;
    let created = ada
        .request(json!({ "type": "createRoom", "room": { "id": "desk-ada" } }))
        .await;
    assert_eq!(created["type"], "roomCreated", "{created}");
    for desk in ["desk-ada", "desk-bob"] {
        ada.join(desk).await;
        assert_eq!(ada.say(desk, "hi").await["type"], "ok");
        received.expect(&[desk]).await;
    }
    let of = Curious("ada".to_owned());
    server.trigger(Desk { of }, message("hi")).await.expect("an event");
    received.expect(&["desk-ada"]).await;
    let deleted = ada.request(json!({ "type": "deleteRoom", "roomId": "desk-ada" })).await;
    assert_eq!(deleted["type"], "roomDeleted", "{deleted}");
    assert!(!WAS_LOCKED_OUT.load(Ordering::SeqCst));
    server.stop().await;
}

#[tokio::test]
async fn a_panic_in_deserialize_is_an_internal_error_and_the_connection_stays() {
    let log = CapturedLog::default();
    let builder = Dialogue::builder().rooms::<Rooms>().logger(log.dispatch());
    let server = TestServer::start(builder).await;
    let mut ada = server.joined("ada", "shelf").await;
    let say =
        |state: &str| json!({ "type": "trigger", "roomId": "shelf", "event": "vase", "data": { "state": state } });
    assert_eq!(ada.refused(say("broken")).await, "INTERNAL");
    assert_eq!(ada.request(say("whole")).await["type"], "ok");
    assert_eq!(ada.recv_type("event").await["data"]["state"], "whole");
    log.line_with(&["it broke"]).await;
}

#[tokio::test]
async fn a_handler_whose_event_panics_while_it_is_parsed_receives_the_next_event() {
    let log = CapturedLog::default();
    let builder = Dialogue::builder().rooms::<Rooms>().logger(log.dispatch());
    let server = TestServer::start(builder).await;
    let received = Record::default();
    let noted = received.clone();
    server.on(Shelf, move |vase: EventMessage<Vase>| {
        noted.note(vase.data.state);
        async {}
    });
    for state in ["whole", "broken", "mended"] {
        let state = state.to_owned();
        server.trigger(Shelf, Vase { state }).await.expect("an event");
    }
    received.expect(&["whole", "mended"]).await;
    log.line_with(&["it broke"]).await;
}

/// How a value of the application misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bad {
    Display,
    Source,
    /// Names itself as its source, without end.
    Circle,
    Drop,
}

const BAD: [Bad; 4] = [Bad::Display, Bad::Source, Bad::Circle, Bad::Drop];

/// An error that panics, or never ends, when the server looks at it or drops it.
#[derive(Debug)]
struct Bomb(Bad);

impl fmt::Display for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert_ne!(self.0, Bad::Display, "in Display");
        f.write_str("a bomb")
    }
}

impl Error for Bomb {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        assert_ne!(self.0, Bad::Source, "in source");
        (self.0 == Bad::Circle).then_some(self)
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0 == Bad::Drop && !std::thread::panicking() {
            panic!("in Drop");
        }
    }
}

/// A refusal with a bad cause. `?` would look for a refusal in it, and so run its code in the hook.
fn refused<T>(bad: Bad) -> Result<T, HookError> {
    Err(HookError::from(Refusal::because("no", Bomb(bad))))
}

/// A failure with a bad cause.
fn failed<T>(bad: Bad) -> Result<T, HookError> {
    Err(HookError::from(Bomb(bad)))
}

#[tokio::test]
async fn a_refusal_reaches_the_client_whatever_its_cause_does() {
    for bad in BAD {
        let server = TestServer::start(
            Dialogue::builder()
                .rooms::<Rooms>()
                .authenticate(move |_| async move { refused(bad) }),
        )
        .await;
        let mut ada = server.open().await;
        ada.send(json!({ "type": "connect", "protocol": 1 })).await;
        let error = ada.recv_type("error").await;
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!("UNAUTHENTICATED"), &json!("no")),
            "{bad:?}"
        );
        assert_eq!(ada.expect_close().await, 4500, "{bad:?}");
        let builder = Dialogue::builder().rooms::<Rooms>().trust_client_identity();
        let builder = builder
            .before_join(move |client, _| async move {
                match client.user_id().as_str() {
                    "eve" => refused(bad),
                    _ => Ok(()),
                }
            })
            .authorize(move |_, _, _, _| async move { refused(bad) })
            .load_history(move |_| async move { refused(bad) });
        let server = TestServer::start(builder).await;
        let mut eve = server.connect_as("eve").await;
        let join = json!({ "type": "join", "roomId": "shelf" });
        assert_eq!(eve.refused(join).await, "JOIN_DENIED", "{bad:?}");
        let mut ada = server.joined("ada", "shelf").await;
        let trigger = json!({ "type": "trigger", "roomId": "shelf", "event": "vase", "data": { "state": "whole" } });
        assert_eq!(ada.refused(trigger).await, "PERMISSION_DENIED", "{bad:?}");
        let history = json!({ "type": "history", "roomId": "shelf", "event": "vase", "start": 0, "end": 5 });
        let error = ada.request(history).await;
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!("UNAVAILABLE"), &json!("no")),
            "{bad:?}"
        );
        server.stop().await;
    }
}

#[tokio::test]
async fn a_failure_harms_nothing_else_whatever_its_error_does() {
    for bad in BAD {
        let record = Record::default();
        let (noted, second) = (record.clone(), record.clone());
        let builder = Dialogue::builder().rooms::<Rooms>().trust_client_identity();
        let builder = builder
            .on_joined(move |_, _, _| async move { failed(bad) })
            .on_left(move |_, _, _| async move { failed(bad) })
            .on_disconnected(move |_, _| async move { failed(bad) })
            .on_disconnected(move |_, _| {
                second.note("the second hook");
                async {}
            })
            .after_each(move |_, _| failed(bad))
            .on_triggered(move |_, _| async move { failed(bad) });
        let server = TestServer::start(builder).await;
        server.on(Shelf, move |vase: EventMessage<Vase>| {
            noted.note(vase.data.state);
            async move { failed(bad) }
        });
        let ada = server.joined("ada", "shelf").await;
        for state in ["one", "two"] {
            let state = state.to_owned();
            server.trigger(Shelf, Vase { state }).await.expect("an event");
        }
        record.expect(&["one", "two"]).await;
        ada.close().await;
        record.expect(&["the second hook"]).await;
        until("the client to be gone", || server.here().clients().is_empty()).await;
        server.stop().await;
    }
}

#[tokio::test]
async fn a_failure_that_a_hook_builds_itself_is_like_one_that_the_server_builds() {
    let failed = || HookError::Failed(HookFailure::Returned(Arc::new(Bomb(Bad::Drop))));
    let log = CapturedLog::default();
    let record = Record::default();
    let second = record.clone();
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .logger(log.dispatch())
        .before_join(move |client, _| async move {
            match client.user_id().as_str() {
                "eve" => Err(failed()),
                _ => Ok(()),
            }
        })
        .on_disconnected(move |_, _| async move { Err(failed()) })
        .on_disconnected(move |_, _| {
            second.note("the second hook");
            async {}
        })
        .after_each(move |_, _| Err(failed()));
    let server = TestServer::start(builder).await;
    let mut eve = server.connect_as("eve").await;
    let join = json!({ "type": "join", "roomId": "shelf" });
    assert_eq!(eve.refused(join).await, "UNAVAILABLE");
    let state = "whole".to_owned();
    server.trigger(Shelf, Vase { state }).await.expect("an event");
    eve.close().await;
    record.expect(&["the second hook"]).await;
    log.line_with(&["before_join", "a bomb"]).await;
    server.stop().await;
}

#[tokio::test]
async fn a_panic_whose_payload_panics_when_dropped_is_like_any_other() {
    let builder = Dialogue::builder().rooms::<Rooms>().trust_client_identity();
    let builder = builder.before_join(|_, _| async { std::panic::panic_any(Bomb(Bad::Drop)) });
    let server = TestServer::start(builder).await;
    let mut ada = server.connect_as("ada").await;
    let join = json!({ "type": "join", "roomId": "shelf" });
    assert_eq!(ada.refused(join).await, "UNAVAILABLE");
    server.stop().await;
}

#[tokio::test]
async fn values_that_panic_when_dropped_disturb_no_shutdown() {
    let (state, kept) = (Bomb(Bad::Drop), Arc::new(Bomb(Bad::Drop)));
    let of_hook = Arc::clone(&kept);
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .state(state);
    let builder = builder.on_joined(move |_, _, _| {
        let _used = &of_hook;
        async {}
    });
    let server = TestServer::start(builder).await;
    let of_handler = Bomb(Bad::Drop);
    server.on(Shelf, move |_: EventMessage<Vase>| {
        let _used = &of_handler;
        async {}
    });
    drop(kept);
    let ada = server.joined("ada", "shelf").await;
    server.stop().await;
    drop(ada);
    // The state and the hooks are dropped with the last handle.
    drop(server);
}

/// A subscriber of `tracing` that runs a closure for each event.
struct Reacting<F>(F, AtomicUsize);

impl<F: Fn() + Send + Sync + 'static> tracing::Subscriber for Reacting<F> {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1 + self.1.fetch_add(1, Ordering::Relaxed) as u64)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        if event.metadata().target().starts_with("dialogue") {
            (self.0)();
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn reacting(react: impl Fn() + Send + Sync + 'static) -> tracing::Dispatch {
    // Starts a second dispatcher, without which `tracing` may disable lines for good.
    drop(CapturedLog::default().dispatch());
    tracing::Dispatch::new(Reacting(react, AtomicUsize::new(0)))
}

/// Makes a server log in each of the places where clients and hooks can make it log.
async fn make_it_log(logger: tracing::Dispatch, started: impl FnOnce(&Dialogue)) {
    let gate = Gate::default();
    let (of_handler, of_archive) = (gate.clone(), gate.clone());
    let limits = Limits::default()
        .with_handler_queue(1)
        .with_history_bytes(400)
        .with_hook_deadline(Duration::from_secs(15));
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .logger(logger)
        .limits(limits);
    let builder = builder
        .before_join(|client, _| async move {
            match client.user_id().as_str() {
                "eve" => refused(Bad::Circle),
                "mallory" => failed(Bad::Display),
                _ => Ok(()),
            }
        })
        .on_left(|_, _, _| async { failed(Bad::Display) })
        .on_history_evicted(move |_| {
            let gate = of_archive.clone();
            async move { gate.pass().await }
        });
    let server = TestServer::start(builder).await;
    started(server.dialogue());
    let attic = server.create_room(Attic { number: 1 }).await.expect("a room");
    attic.on(move |_: EventMessage<Message>| {
        let gate = of_handler.clone();
        async move { gate.pass().await }
    });
    for _ in 0..10 {
        // The handler's queue overflows, and so does the queue of evicted events.
        let event = message("of some length, so that few of them fit into the history");
        attic.trigger(event).await.expect("an event");
    }
    gate.open();
    for (user, answer) in [("eve", "JOIN_DENIED"), ("mallory", "UNAVAILABLE")] {
        let mut client = server.connect_as(user).await;
        let join = json!({ "type": "join", "roomId": "shelf" });
        assert_eq!(client.refused(join).await, answer);
        client.close().await;
    }
    let mut bad = server.open().await;
    bad.send(json!({ "type": "join", "roomId": "shelf" })).await;
    assert_eq!(bad.expect_close().await, 1008);
    let ada = server.joined("ada", "shelf").await;
    ada.close().await;
    until("the clients to be gone", || server.here().clients().is_empty()).await;
    let shelf = server.here().room(Shelf).expect("a room");
    assert_eq!(shelf.here().size(), 0);
    server.stop().await;
}

#[tokio::test]
async fn a_subscriber_that_panics_breaks_nothing() {
    within("the end", make_it_log(reacting(|| panic!("in the subscriber")), |_| {})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_may_call_the_server() {
    let server = Arc::new(OnceLock::<WeakDialogue>::new());
    let locked_out = Arc::new(AtomicBool::new(false));
    let (known, noted) = (Arc::clone(&server), Arc::clone(&locked_out));
    let calls = move || {
        let Some(dialogue) = known.get().and_then(WeakDialogue::upgrade) else {
            return;
        };
        let (asked, answered) = channel();
        // On a separate thread, so that a held lock fails the test instead of blocking it.
        std::thread::spawn(move || {
            for room in dialogue.here().rooms() {
                drop(room.here().participants());
            }
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime");
            let state = "whole".to_owned();
            let triggered = runtime.block_on(async { dialogue.trigger(Shelf, Vase { state }).await });
            asked.send(triggered.is_ok())
        });
        if answered.recv_timeout(Duration::from_secs(5)).is_err() {
            noted.store(true, Ordering::SeqCst);
        }
    };
    let started = |dialogue: &Dialogue| assert!(server.set(dialogue.downgrade()).is_ok());
    make_it_log(reacting(calls), started).await;
    assert!(!locked_out.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_subscriber_whose_call_makes_the_server_log_causes_no_panic() {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.to_string().contains("already borrowed") {
            PANICKED.store(true, Ordering::SeqCst);
        }
        before(panic);
    }));
    let server = Arc::new(OnceLock::<WeakDialogue>::new());
    let (known, calls) = (Arc::clone(&server), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&calls);
    let logger = reacting(move || {
        if let Some(dialogue) = known.get().and_then(WeakDialogue::upgrade)
            && counted.fetch_add(1, Ordering::SeqCst) < 10
        {
            let state = "whole".to_owned();
            let triggered = dialogue.trigger(Shelf, Vase { state }).into_future().now_or_never();
            assert!(triggered.is_some_and(|outcome| outcome.is_ok()));
        }
    });
    let builder = Dialogue::builder().rooms::<Rooms>().logger(logger);
    let dialogue = builder
        .after_each(|_, _| failed(Bad::Circle))
        .build()
        .expect("it builds");
    assert!(server.set(dialogue.downgrade()).is_ok());
    let state = "whole".to_owned();
    dialogue.trigger(Shelf, Vase { state }).await.expect("an event");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert!(!PANICKED.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_rust_client_survives_bad_errors_and_subscribers() {
    let dialogue = Dialogue::builder().rooms::<Rooms>().build().expect("it builds");
    let record = Record::default();
    let noted = record.clone();
    let logger = reacting(|| panic!("in the subscriber"));
    let _default = tracing::dispatcher::set_default(&logger);
    for bad in BAD {
        let attempt =
            testing::connect(&dialogue).auth_with(move || async move { Err::<serde_json::Value, _>(Bomb(bad)) });
        let error = within("an error", attempt.into_future())
            .await
            .expect_err("no credentials");
        // The error is the application's own from here on.
        std::mem::forget(error);
    }
    let ada = testing::connect(&dialogue).await.expect("a connection");
    let shelf = ada.join(Shelf).await.expect("a seat");
    let calls = AtomicUsize::new(0);
    shelf.on(move |vase: EventMessage<Vase>| {
        noted.note(vase.data.state);
        let bad = BAD[calls.fetch_add(1, Ordering::Relaxed) % BAD.len()];
        async move { failed(bad) }
    });
    for state in ["one", "two", "broken", "three", "four", "five"] {
        let state = state.to_owned();
        dialogue.trigger(Shelf, Vase { state }).await.expect("an event");
    }
    record.expect(&["one", "two", "three", "four", "five"]).await;
    within("the end", dialogue.stop()).await.expect("it stops");
}
