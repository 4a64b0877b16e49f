//! A server with a store that is killed and started again, on a paused clock: who its clients are afterwards, and what becomes
//! of triggers that they repeat.

mod nodes;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::peer::{Peer, PeerFrame};
use super::{Archived, Bulk, settle};
use crate::log::tests::fake_store::{FakeStore, broken};
use crate::prelude::*;
use crate::{Builder, Dialogue, Identity, Limits, RoomConfig};

rooms! {
    crate = crate;

    Rooms;

    Chat = "chat" {
        events: [Archived, Bulk],
    }
}

/// Starts a server on a store.
fn server(store: &Arc<FakeStore>, refuses: bool) -> Dialogue {
    let builder = describe(refuses).durable(Arc::clone(store) as _);
    builder.build().expect("a server")
}

/// Describes a server. A client is the user that its `auth` names, or anonymous. Nobody may trigger `archived` if `refuses`.
fn describe(refuses: bool) -> Builder {
    Dialogue::builder()
        .rooms::<Rooms>()
        .limits(Limits::default().with_ping_interval(Duration::from_secs(1_000_000)))
        .authenticate(|handshake| async move {
            Ok(match handshake.auth.as_str() {
                Some(user) => Identity::user(user),
                None => Identity::anonymous(),
            })
        })
        .before_each(move |message, _| async move {
            if refuses {
                return refuse("not any more");
            }
            Ok(message)
        })
}

/// A client in the room, and what it remembers when its connection is lost.
struct Member {
    peer: Peer,
    connected: Value,
    epoch: Value,
}

async fn member(dialogue: &Dialogue, auth: Option<&str>, resume: Option<&Value>) -> Member {
    let mut peer = Peer::connect_as(dialogue, json!(auth), resume).await;
    let connected = peer.receive_type("connected").await;
    peer.send(&json!({ "type": "join", "roomId": "chat" })).await;
    let epoch = peer.receive_type("joined").await["epoch"].clone();
    Member { peer, connected, epoch }
}

impl Member {
    /// What a repetition says of its first attempt on this connection.
    fn first_attempt(&self) -> Value {
        json!({ "clientId": self.connected["clientId"], "epoch": self.epoch })
    }

    fn resume(&self) -> Value {
        self.connected["resume"].clone()
    }

    async fn send(&mut self, event: &str, key: &str, repeats: Option<&Value>) {
        let data = json!({ "text": key });
        let mut trigger =
            json!({ "type": "trigger", "id": 1, "roomId": "chat", "event": event, "data": data, "key": key });
        if let Some(repeats) = repeats {
            trigger["repeats"] = repeats.clone();
        }
        self.peer.send(&trigger).await;
    }

    /// Triggers with a key. Returns `ok`, or the code of the error.
    async fn trigger(&mut self, event: &str, key: &str, repeats: Option<&Value>) -> String {
        self.send(event, key, repeats).await;
        loop {
            let Some(PeerFrame::Text(reply)) = self.peer.receive().await else {
                panic!("no reply");
            };
            if reply["id"] == 1 {
                return reply["code"].as_str().unwrap_or("ok").to_owned();
            }
        }
    }
}

/// How many events there are in the store.
fn stored(store: &FakeStore) -> usize {
    store.events("chat").len()
}

#[tokio::test(start_paused = true)]
async fn an_anonymous_user_keeps_its_id_over_a_restart_and_once() {
    let store = FakeStore::new();
    let first = member(&server(&store, false), None, None).await;
    let store = store.restart();
    let restarted = server(&store, false);
    let second = member(&restarted, None, Some(&first.resume())).await;
    assert_eq!(second.connected["userId"], first.connected["userId"]);
    assert_ne!(second.connected["clientId"], first.connected["clientId"]);
    let third = member(&restarted, None, Some(&first.resume())).await;
    assert_ne!(
        third.connected["userId"], first.connected["userId"],
        "a secret works once"
    );
    let store = store.restart();
    let fourth = member(&server(&store, false), None, Some(&second.resume())).await;
    assert_eq!(
        fourth.connected["userId"], first.connected["userId"],
        "the next restart"
    );
}

#[tokio::test(start_paused = true)]
async fn a_repetition_of_a_stored_event_gets_its_outcome_after_a_restart_without_any_check() {
    let store = FakeStore::manual();
    let dialogue = server(&store, false);
    let mut first = member(&dialogue, Some("ada"), None).await;
    first.send("archived", "k", None).await;
    store.until_waiting(1).await;
    store.hide(broken());
    let store = store.restart();
    store.set_manual(false);
    let mut second = member(&server(&store, true), Some("ada"), Some(&first.resume())).await;
    assert_eq!(second.trigger("archived", "other", None).await, "BLOCKED");
    assert_eq!(
        second.trigger("archived", "k", Some(&first.first_attempt())).await,
        "ok"
    );
    assert_eq!(stored(&store), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_in_a_created_room_gets_its_outcome_before_anybody_has_joined_the_room() {
    let store = FakeStore::new();
    let dialogue = server(&store, false);
    let room = RoomConfig::new("made").event::<Archived>();
    let epoch = dialogue.create_room(room).await.expect("a room").epoch();
    let mut first = Peer::connect_as(&dialogue, json!("ada"), None).await;
    let connected = first.receive_type("connected").await;
    let trigger = |id: u64, key: &str| {
        let data = json!({ "text": key });
        json!({ "type": "trigger", "id": id, "roomId": "made", "event": "archived", "data": data, "key": key })
    };
    first.send(&json!({ "type": "join", "roomId": "made" })).await;
    first.send(&trigger(1, "k")).await;
    first.receive_type("ok").await;

    let store = store.restart();
    let restarted = server(&store, false);
    let resume = &connected["resume"];
    let mut second = Peer::connect_as(&restarted, json!("ada"), Some(resume)).await;
    let mut answers = Vec::new();
    for (id, (key, is_marked)) in (1..).zip([("l", false), ("k", true), ("l", true), ("k", false)]) {
        let mut repeated = trigger(id, key);
        if is_marked {
            repeated["repeats"] = json!({ "clientId": connected["clientId"], "epoch": epoch });
        }
        second.send(&repeated).await;
        let answer = loop {
            match second.receive().await {
                Some(PeerFrame::Text(answer)) if answer["id"] == id => break answer,
                Some(_) => {}
                None => panic!("no reply"),
            }
        };
        answers.push(answer["code"].as_str().unwrap_or("ok").to_owned());
    }
    assert_eq!(answers, ["NOT_IN_ROOM", "ok", "NOT_IN_ROOM", "ok"]);
    assert_eq!(store.events("made").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_of_an_event_that_was_not_stored_is_delivered_once_after_a_restart() {
    let store = FakeStore::manual();
    let dialogue = server(&store, false);
    let mut first = member(&dialogue, Some("ada"), None).await;
    first.send("archived", "k", None).await;
    store.until_waiting(1).await;
    let store = store.restart();
    store.set_manual(false);
    let dialogue = server(&store, false);
    let mut second = member(&dialogue, Some("ada"), Some(&first.resume())).await;
    for _ in 0..2 {
        assert_eq!(
            second.trigger("archived", "k", Some(&first.first_attempt())).await,
            "ok"
        );
    }
    assert_eq!(stored(&store), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_on_the_connection_after_the_next_one_is_known_over_two_restarts() {
    let store = FakeStore::new();
    let mut first = member(&server(&store, false), None, None).await;
    // Cut off before its trigger arrives, and again before it repeats it.
    let attempt = first.first_attempt();
    for refuses in [false, true] {
        let store = store.restart();
        first = member(&server(&store, refuses), None, Some(&first.resume())).await;
    }
    let store = store.restart();
    let dialogue = server(&store, false);
    let mut last = member(&dialogue, None, Some(&first.resume())).await;
    assert_eq!(last.trigger("archived", "k", Some(&attempt)).await, "ok");
    assert_eq!(stored(&store), 1);
}

#[tokio::test(start_paused = true)]
async fn the_outcome_of_an_event_without_history_is_unknown_after_a_restart() {
    let store = FakeStore::new();
    let first = member(&server(&store, false), Some("ada"), None).await;
    let store = store.restart();
    let dialogue = server(&store, false);
    let mut second = member(&dialogue, Some("ada"), Some(&first.resume())).await;
    let attempt = first.first_attempt();
    assert_eq!(second.trigger("bulk", "k", Some(&attempt)).await, "OUTCOME_UNKNOWN");
    assert_eq!(dialogue.stats().events_in, 0);
}

#[tokio::test(start_paused = true)]
async fn without_its_secret_a_client_learns_only_that_its_event_was_stored() {
    let store = FakeStore::new();
    let mut first = member(&server(&store, false), Some("ada"), None).await;
    assert_eq!(first.trigger("archived", "stored", None).await, "ok");
    let store = store.restart();
    let dialogue = server(&store, false);
    let mut second = member(&dialogue, Some("ada"), None).await;
    let attempt = first.first_attempt();
    assert_eq!(second.trigger("archived", "stored", Some(&attempt)).await, "ok");
    assert_eq!(
        second.trigger("archived", "lost", Some(&attempt)).await,
        "OUTCOME_UNKNOWN"
    );
    assert_eq!(stored(&store), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_without_a_mark_is_recognised_for_two_minutes_after_a_restart() {
    let store = FakeStore::new();
    let mut first = member(&server(&store, false), Some("ada"), None).await;
    assert_eq!(first.trigger("archived", "k", None).await, "ok");
    let store = store.restart();
    let dialogue = server(&store, false);
    let mut second = member(&dialogue, Some("ada"), None).await;
    tokio::time::sleep(Duration::from_secs(110)).await;
    assert_eq!(second.trigger("archived", "k", None).await, "ok");
    assert_eq!(stored(&store), 1);
}

#[tokio::test(start_paused = true)]
async fn a_user_that_was_revoked_before_a_restart_does_not_come_back_with_its_secret() {
    let store = FakeStore::new();
    let dialogue = server(&store, false);
    let eve = member(&dialogue, None, None).await;
    let ada = member(&dialogue, None, None).await;
    let id = |member: &Member| member.connected["userId"].as_str().expect("an id").to_owned();
    dialogue.revoke(&id(&eve)).await;
    settle().await;
    let store = store.restart();
    let dialogue = server(&store, false);
    let again = member(&dialogue, None, Some(&eve.resume())).await;
    assert_ne!(id(&again), id(&eve));
    let again = member(&dialogue, None, Some(&ada.resume())).await;
    assert_eq!(id(&again), id(&ada));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_answers_a_repetition_with_unavailable() {
    let store = FakeStore::new();
    let first = member(&server(&store, false), Some("ada"), None).await;
    let store = store.restart();
    let dialogue = server(&store, false);
    let mut second = member(&dialogue, Some("ada"), Some(&first.resume())).await;
    let attempt = first.first_attempt();
    store.fail_reads(Some(broken()));
    assert_eq!(second.trigger("archived", "k", Some(&attempt)).await, "UNAVAILABLE");
    store.fail_reads(None);
    assert_eq!(second.trigger("archived", "k", Some(&attempt)).await, "ok");
    assert_eq!(stored(&store), 1);
}
