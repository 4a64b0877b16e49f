//! Application code other than hooks: `FromStr` and `Display` of a family's ids, and `Deserialize`. The server holds no
//! lock while such code runs, and a panic in it harms only the request that ran it.

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
