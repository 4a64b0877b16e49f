//! Code of the application's that is no hook: `FromStr` and `Display` in the ids of a family, and `Deserialize`. No lock is
//! held while it runs, and a panic in it harms only what it was about.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use dialogue::prelude::*;
use dialogue_tests::{CapturedLog, Message, Record, TestServer, message};
use serde_json::json;

static SERVER: OnceLock<Dialogue> = OnceLock::new();
static WAS_LOCKED_OUT: AtomicBool = AtomicBool::new(false);

/// A name that looks the rooms up whenever it is read.
#[derive(Debug, Clone)]
struct Curious(String);

impl FromStr for Curious {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(dialogue) = SERVER.get().cloned() {
            let (asked, answered) = channel();
            // On a thread of its own, so that a lock that is held makes a failure of the test, and not its end.
            std::thread::spawn(move || {
                dialogue.rooms().iter().for_each(|room| drop(room.participants()));
                asked.send(dialogue.clients().len())
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

    /// Made by clients and by who comes first.
    Desk { of: Curious } = "desk-{of}" {
        events: [Message],
        default_subscriptions: *,
        on_demand: true,
        client_created: 2,
    }

    /// Where things break.
    Shelf = "shelf" {
        events: [Vase],
        default_subscriptions: *,
    }
}

/// An event whose `Deserialize` panics at "broken".
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
async fn no_lock_is_held_while_the_id_of_a_family_is_read() {
    let server = TestServer::start(Dialogue::builder().rooms::<Rooms>().trust_client_identity()).await;
    let heard = Record::default();
    let noted = heard.clone();
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
        heard.expect(&[desk]).await;
    }
    let of = Curious("ada".to_owned());
    server.trigger(Desk { of }, message("hi")).await.expect("an event");
    heard.expect(&["desk-ada"]).await;
    let deleted = ada.request(json!({ "type": "deleteRoom", "roomId": "desk-ada" })).await;
    assert_eq!(deleted["type"], "roomDeleted", "{deleted}");
    assert!(!WAS_LOCKED_OUT.load(Ordering::SeqCst));
    server.stop().await;
}

#[tokio::test]
async fn a_deserialize_that_panics_is_internal_and_the_connection_stays() {
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
async fn a_handler_whose_event_cannot_be_read_for_a_panic_gets_the_next_one() {
    let log = CapturedLog::default();
    let builder = Dialogue::builder().rooms::<Rooms>().logger(log.dispatch());
    let server = TestServer::start(builder).await;
    let heard = Record::default();
    let noted = heard.clone();
    server.on(Shelf, move |vase: EventMessage<Vase>| {
        noted.note(vase.data.state);
        async {}
    });
    for state in ["whole", "broken", "mended"] {
        let state = state.to_owned();
        server.trigger(Shelf, Vase { state }).await.expect("an event");
    }
    heard.expect(&["whole", "mended"]).await;
    log.line_with(&["it broke"]).await;
}
