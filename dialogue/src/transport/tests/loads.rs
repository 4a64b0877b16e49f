//! Rooms that change while they are loaded from the store: they expire, they are deleted and created again, and events are
//! erased. The store is a fake, and the clock is paused.

use std::sync::Arc;

use serde_json::{Value, json};

use super::stored::{Hall, IDLE, first, join, numbers, peer, put, server};
use super::{Plenty, settle};
use crate::Builder;
use crate::log::durable::DurableLog;
use crate::log::tests::fake_store::FakeStore;
use crate::prelude::*;

/// A room on demand of these tests.
const LOBBY: super::stored::Lobby = super::stored::Lobby { number: 1 };

#[tokio::test(start_paused = true)]
async fn a_join_gets_a_room_that_expires_while_it_is_loaded() {
    let store = FakeStore::new();
    put(&store, &first(&store, "lobby-1"), 3);
    let dialogue = server(&store);
    let (mut ada, mut ben) = (peer(&dialogue, "ada").await, peer(&dialogue, "ben").await);
    // Ben's join makes the room present, but does not load it: the store takes too long.
    store.hold_reads(true);
    ben.send(&json!({ "type": "join", "roomId": "lobby-1" })).await;
    settle().await;
    store.hold_next_read();
    store.hold_reads(false);
    assert_eq!(ben.receive_type("error").await["code"], "UNAVAILABLE");
    assert!(dialogue.here().room(LOBBY).is_some(), "it is present");
    tokio::time::sleep(IDLE * 4 / 5).await;
    store.hold_reads(true);
    let since = json!({ "epoch": store.first_epoch("lobby-1"), "seq": 1 });
    ada.send(&json!({ "type": "join", "roomId": "lobby-1", "since": since }))
        .await;
    tokio::time::sleep(IDLE * 2 / 5).await;
    assert!(dialogue.here().room(LOBBY).is_none(), "it has expired");
    store.hold_reads(false);
    let joined = ada.receive_type("joined").await;
    assert_eq!((&joined["recovered"], numbers(&joined)), (&json!(true), vec![2, 3]));
    let delivery = dialogue.trigger::<Plenty>(LOBBY, Plenty { number: 4 }).await;
    assert_eq!(delivery.expect("a delivery").seq, Some(4));
    assert_eq!(ada.receive_type("event").await["seq"], 4);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_waits_for_a_room_reaches_the_one_that_is_created_meanwhile() {
    let store = FakeStore::new();
    let old = first(&store, "lobby-1");
    put(&store, &old, 3);
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    store.hold_reads(true);
    let trigger = tokio::spawn(dialogue.trigger::<Plenty>(LOBBY, Plenty { number: 4 }));
    let lookup = tokio::spawn({
        let (dialogue, handle) = (dialogue.clone(), AnyRoom(old.id.clone(), old.epoch.to_string()));
        async move { dialogue.room(handle).await }
    });
    settle().await;
    let deleted = |outcome| assert_eq!(outcome, Ok(true));
    store.delete_room(old.clone(), false, Box::new(deleted));
    dialogue.create_room(LOBBY).await.expect("a room");
    store.hold_reads(false);
    let delivery = trigger.await.expect("a task").expect("a delivery");
    assert_eq!(delivery.seq, Some(1), "the first event of the new room");
    assert_eq!(lookup.await.expect("a task"), Ok(None), "its room is deleted");
    let joined = join(&mut ada, "lobby-1", Some((&json!(*old.epoch), 3))).await;
    assert_eq!((&joined["recovered"], &joined["seq"]), (&json!(false), &json!(1)));
}

/// An incarnation of a room.
struct AnyRoom(crate::RoomId, String);

impl RoomRef for AnyRoom {
    fn room_id(&self) -> crate::RoomId {
        self.0.clone()
    }

    fn room_epoch(&self) -> Option<&str> {
        Some(&self.1)
    }
}

/// Whether each of these events was erased.
fn erased(frame: &Value) -> Vec<bool> {
    let events = frame["events"].as_array().expect("events").iter();
    events
        .inspect(|event| assert_eq!(event["data"].is_null(), event["erased"] == true, "{event}"))
        .map(|event| event["erased"] == true)
        .collect()
}

/// Erases the second event of the hall while the first read of a request is on its way. Returns the answer to the request.
async fn erase_during(store: &Arc<FakeStore>, builder: Builder, request: Value, answer: &str) -> Value {
    let dialogue = builder.build().expect("a server");
    let mut ada = peer(&dialogue, "ada").await;
    if request["type"] == "history" || request["since"].is_object() {
        // The room's log is loaded already.
        let mut bob = peer(&dialogue, "bob").await;
        join(&mut bob, "hall", None).await;
        if request["type"] == "history" {
            join(&mut ada, "hall", None).await;
        }
    }
    store.hold_next_read();
    ada.send(&request).await;
    settle().await;
    let hall = dialogue.here().room(Hall).expect("a room");
    assert!(hall.erase(2).await.expect("an erasure"));
    store.release_read();
    ada.receive_type(answer).await
}

#[tokio::test(start_paused = true)]
async fn nothing_that_was_read_before_an_erasure_is_delivered_after_it() {
    let no_window = || {
        let history = crate::history::HistoryConfig::default().with_max_rooms(0);
        crate::history::HistoryManager::new(history)
    };
    for is_beyond_the_window in [false, true] {
        for request in [
            json!({ "type": "join", "roomId": "hall" }),
            json!({ "type": "join", "roomId": "hall", "since": { "epoch": "", "seq": 1 } }),
            json!({ "type": "history", "roomId": "hall", "event": "plenty", "before": 4, "limit": 9 }),
        ] {
            let store = FakeStore::new();
            put(&store, &first(&store, "hall"), 3);
            let mut request = request;
            if request["since"].is_object() {
                if !is_beyond_the_window {
                    continue;
                }
                request["since"]["epoch"] = json!(store.first_epoch("hall"));
            }
            let builder = match is_beyond_the_window {
                true => super::stored::on(&store).history(no_window()),
                false if request["type"] == "history" => continue,
                false => super::stored::on(&store),
            };
            let kind = if request["type"] == "history" {
                "history"
            } else {
                "joined"
            };
            let answer = erase_during(&store, builder, request.clone(), kind).await;
            let erased = erased(&answer);
            assert_eq!(
                erased.iter().filter(|is_erased| **is_erased).count(),
                1,
                "{request}: {answer}"
            );
        }
    }
}
