//! A room on demand exists only once a client has joined it, and memory remembers it while it is idle.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::Plenty;
use super::peer::Peer;
use crate::prelude::*;
use crate::{Builder, Delivery, Limits, TriggerError};

rooms! {
    /// The rooms of this test.
    Rooms;

    /// Created when a client joins it.
    Lobby { number: u64 } = "lobby-{number}" {
        name: "Lobby",
        events: [Plenty],
        default_subscriptions: [Plenty],
        on_demand: true,
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_on_demand_does_not_exist_while_before_join_runs() {
    let outcomes: Arc<Mutex<Vec<Result<Delivery, TriggerError>>>> = Arc::default();
    let recorded = Arc::clone(&outcomes);
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .before_join(move |_, room| {
            let recorded = Arc::clone(&recorded);
            async move {
                let outcome = room.trigger(Plenty { number: 1 }).await;
                recorded.lock().push(outcome);
                assert!(!room.delete().await.expect("a deletion"));
                Ok(())
            }
        })
        .build()
        .expect("a server");
    let mut peer = Peer::connect(&dialogue, 4096).await;
    peer.send(&json!({ "type": "join", "roomId": "lobby-1" })).await;
    // Another room may have the id by now. A number that was assigned here would corrupt its history.
    assert_eq!(peer.receive_type("joined").await["seq"], 0);
    assert!(matches!(outcomes.lock()[..], [Err(TriggerError::NoSuchRoom { .. })]));
    dialogue
        .trigger::<Plenty>(Lobby { number: 1 }, Plenty { number: 2 })
        .await
        .expect("a delivery");
}

/// A server whose empty rooms expire before a silent client is pinged.
fn lobbies() -> Builder {
    let limits = Limits::default().with_on_demand_idle(Duration::from_secs(5));
    Dialogue::builder().rooms::<Rooms>().limits(limits)
}

/// Lets an empty room expire.
async fn idle() {
    tokio::time::sleep(Duration::from_secs(6)).await;
}

async fn join(peer: &mut Peer, join: Value) -> Value {
    let mut frame = json!({ "type": "join", "roomId": "lobby-1", "subscriptions": ["*"] });
    frame["since"] = join;
    if frame["since"].is_null() {
        frame.as_object_mut().expect("an object").remove("since");
    }
    peer.send(&frame).await;
    peer.receive_type("joined").await
}

async fn leave(peer: &mut Peer) {
    peer.send(&json!({ "type": "leave", "roomId": "lobby-1" })).await;
    peer.receive_type("left").await;
}

/// Triggers an event and returns its number.
async fn say(dialogue: &Dialogue, number: u64) -> u64 {
    let lobby = Lobby { number: 1 };
    let delivery = dialogue.trigger::<Plenty>(lobby, Plenty { number }).await;
    delivery.expect("a delivery").seq.expect("a number")
}

/// The numbers of a page of history.
async fn page(peer: &mut Peer, before: u64, limit: u64) -> (Vec<u64>, bool) {
    let request =
        json!({ "type": "history", "roomId": "lobby-1", "event": "plenty", "before": before, "limit": limit });
    peer.send(&request).await;
    let page = peer.receive_type("history").await;
    let events = page["events"].as_array().expect("events").iter();
    let numbers = events.map(|event| event["seq"].as_u64().expect("a number"));
    (numbers.collect(), page["more"].as_bool().expect("a flag"))
}

#[tokio::test(start_paused = true)]
async fn an_idle_room_on_demand_keeps_its_epoch_numbers_and_events() {
    let dialogue = lobbies().build().expect("a server");
    let mut peer = Peer::connect(&dialogue, 1 << 16).await;
    let first = join(&mut peer, Value::Null).await;
    for number in 1..=3 {
        assert_eq!(say(&dialogue, number).await, number);
    }
    leave(&mut peer).await;
    idle().await;
    assert!(dialogue.here().room(Lobby { number: 1 }).is_none(), "the room is gone");
    let again = join(&mut peer, json!({ "epoch": first["epoch"], "seq": 1 })).await;
    assert_eq!((&again["epoch"], &again["seq"]), (&first["epoch"], &json!(3)));
    assert_eq!(again["recovered"], true);
    assert_eq!(again["events"].as_array().map(Vec::len), Some(2));
    assert_eq!(say(&dialogue, 4).await, 4);
    assert_eq!(page(&mut peer, 5, 2).await, (vec![4, 3], true));
    assert_eq!(page(&mut peer, 3, 2).await, (vec![2, 1], false));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_to_an_idle_room_without_events_missed_nothing() {
    let dialogue = lobbies().build().expect("a server");
    let mut peer = Peer::connect(&dialogue, 1 << 16).await;
    let first = join(&mut peer, Value::Null).await;
    for _ in 0..2 {
        leave(&mut peer).await;
        idle().await;
        let again = join(&mut peer, json!({ "epoch": first["epoch"], "seq": 0 })).await;
        assert_eq!((&again["recovered"], &again["events"]), (&json!(true), &json!([])));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_room_on_demand_is_forgotten_and_its_next_incarnation_is_another_one() {
    let dialogue = lobbies().build().expect("a server");
    let mut peer = Peer::connect(&dialogue, 1 << 16).await;
    let first = join(&mut peer, Value::Null).await;
    say(&dialogue, 1).await;
    leave(&mut peer).await;
    idle().await;
    join(&mut peer, Value::Null).await;
    assert!(dialogue.delete_room(Lobby { number: 1 }).await.expect("a deletion"));
    peer.receive_type("left").await;
    let again = join(&mut peer, json!({ "epoch": first["epoch"], "seq": 0 })).await;
    assert_ne!(again["epoch"], first["epoch"]);
    assert_eq!((&again["seq"], &again["recovered"]), (&json!(0), &json!(false)));
    assert_eq!(page(&mut peer, 9, 9).await, (vec![], false));
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_created_where_an_idle_one_was_is_another_incarnation() {
    let dialogue = lobbies().build().expect("a server");
    let mut peer = Peer::connect(&dialogue, 1 << 16).await;
    let first = join(&mut peer, Value::Null).await;
    say(&dialogue, 1).await;
    leave(&mut peer).await;
    idle().await;
    dialogue.create_room(Lobby { number: 1 }).await.expect("a room");
    let again = join(&mut peer, json!({ "epoch": first["epoch"], "seq": 1 })).await;
    assert_ne!(again["epoch"], first["epoch"]);
    assert_eq!((&again["seq"], &again["recovered"]), (&json!(0), &json!(false)));
    assert_eq!(say(&dialogue, 1).await, 1);
    assert_eq!(page(&mut peer, 9, 9).await, (vec![1], false));
}

#[tokio::test(start_paused = true)]
async fn the_events_of_an_idle_room_are_archived_under_its_epoch() {
    let archived = Arc::new(Mutex::new(Vec::<(String, Vec<u64>)>::new()));
    let recorded = Arc::clone(&archived);
    let dialogue = lobbies()
        .on_history_evicted(move |evicted| {
            let numbers = evicted.messages.iter().filter_map(|message| message.seq).collect();
            recorded.lock().push((evicted.epoch, numbers));
            async { Ok(()) }
        })
        .build()
        .expect("a server");
    let mut peer = Peer::connect(&dialogue, 1 << 16).await;
    let first = join(&mut peer, Value::Null).await;
    say(&dialogue, 1).await;
    say(&dialogue, 2).await;
    leave(&mut peer).await;
    idle().await;
    assert!(archived.lock().is_empty(), "memory keeps them");
    dialogue.stop().await.expect("a graceful shutdown");
    let epoch = first["epoch"].as_str().expect("an epoch").to_owned();
    assert_eq!(*archived.lock(), [(epoch, vec![1, 2])]);
}
