//! A node that does not reach the log which several nodes share: what works, and what clients are told. The cluster is a fake,
//! and the clock is paused.

use std::ops::RangeInclusive;
use std::sync::Arc;

use serde_json::{Value, json};

use super::peer::Peer;
use super::stored::{Hall, Table, ask, join, on, peer};
use super::*;
use crate::Limits;
use crate::cluster::tests::{FakeNode, Hub};

fn node(hub: &Arc<Hub>) -> (Arc<FakeNode>, Dialogue) {
    let node = hub.node();
    let limits = Limits::default().with_ping_interval(Duration::from_secs(1_000_000));
    let dialogue = on(&hub.store)
        .limits(limits)
        .with_cluster(Arc::clone(&node) as _)
        .build();
    (node, dialogue.expect("a server"))
}

async fn trigger(peer: &mut Peer, room: &str) -> Value {
    let request = json!({ "type": "trigger", "roomId": room, "event": "plenty", "data": { "number": 1 }, "key": "k" });
    ask(peer, request).await
}

/// Checks that this refusal asks for a wait within these bounds, in seconds.
#[track_caller]
fn assert_waits(refusal: &Value, seconds: RangeInclusive<u64>) {
    assert_eq!(refusal["code"], "UNAVAILABLE", "{refusal}");
    let wait = refusal["retryAfter"].as_u64().expect("a wait");
    assert!(
        (seconds.start() * 1_000..=seconds.end() * 1_000).contains(&wait),
        "{refusal}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_wait_grows_while_the_log_cannot_be_reached_and_ends_with_the_outage() {
    let hub = Hub::new([]);
    let (node, dialogue) = node(&hub);
    let mut ada = peer(&dialogue, "ada").await;
    join(&mut ada, "hall", None).await;
    node.lose();
    assert_waits(&trigger(&mut ada, "hall").await, 2..=3);
    assert_waits(&join(&mut ada, "lobby-1", None).await, 2..=3);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_waits(&trigger(&mut ada, "hall").await, 20..=33);
    tokio::time::sleep(Duration::from_secs(1_000)).await;
    assert_waits(&trigger(&mut ada, "hall").await, 40..=60);
    assert_waits(&join(&mut ada, "lobby-1", None).await, 40..=60);
    node.reach();
    let answer = trigger(&mut ada, "hall").await;
    assert_eq!((&answer["type"], &answer["seq"]), (&json!("ok"), &json!(1)));
    assert_eq!(join(&mut ada, "lobby-1", None).await["type"], "joined");
    // Another failure of the store asks for a short wait, as always.
    hub.store.fail_reads(Some(crate::log::tests::fake_store::broken()));
    assert_waits(&join(&mut ada, "lobby-2", None).await, 1..=1);
}

#[tokio::test(start_paused = true)]
async fn members_stay_and_rooms_in_use_can_be_joined_and_left() {
    let hub = Hub::new([]);
    let (node, dialogue) = node(&hub);
    let (mut ada, mut grace) = (peer(&dialogue, "ada").await, peer(&dialogue, "grace").await);
    let joined = join(&mut ada, "hall", None).await;
    trigger(&mut ada, "hall").await;
    node.lose();
    tokio::time::sleep(Duration::from_secs(100)).await;
    let later = join(&mut grace, "hall", Some((&joined["epoch"], 0))).await;
    assert_eq!(
        (&later["recovered"], later["events"].as_array().map(Vec::len)),
        (&json!(true), Some(1))
    );
    let room = find_room(&dialogue, Hall).await.expect("the room");
    assert_eq!(room.here().size(), 2);
    let left = ask(&mut grace, json!({ "type": "leave", "roomId": "hall" })).await;
    assert_eq!(left["type"], "left", "{left}");
    assert_eq!(room.here().size(), 1);
    // A client that signs in during the outage.
    let mut alan = peer(&dialogue, "alan").await;
    assert_eq!(join(&mut alan, "hall", None).await["type"], "joined");
    drop(ada);
    settle().await;
    assert_eq!(room.here().size(), 1);
}

#[tokio::test(start_paused = true)]
async fn rooms_that_are_not_loaded_are_unavailable_and_not_missing() {
    let hub = Hub::new([]);
    let (node, dialogue) = node(&hub);
    settle().await;
    node.lose();
    let mut ada = peer(&dialogue, "ada").await;
    for room in ["hall", "lobby-1"] {
        assert_waits(&join(&mut ada, room, None).await, 2..=60);
    }
    let create = json!({ "type": "createRoom", "room": { "id": "table-1" } });
    assert_waits(&ask(&mut ada, create.clone()).await, 2..=60);
    let listed = ask(&mut ada, json!({ "type": "listRooms" })).await;
    assert_ne!(listed["type"], "error", "{listed}");
    node.reach();
    assert_eq!(join(&mut ada, "hall", None).await["type"], "joined");
    assert_ne!(ask(&mut ada, create).await["type"], "error");
}

#[tokio::test(start_paused = true)]
async fn a_room_that_this_node_does_not_know_is_looked_up_and_never_missing_in_an_outage() {
    let hub = Hub::new([]);
    let (node, dialogue) = node(&hub);
    let other = self::node(&hub).1;
    settle().await;
    node.lose();
    other.create_room(Table { number: 1 }).await.expect("a room");
    let mut ada = peer(&dialogue, "ada").await;
    assert_waits(&join(&mut ada, "table-1", None).await, 2..=60);
    let delete = json!({ "type": "deleteRoom", "roomId": "table-1" });
    assert_waits(&ask(&mut ada, delete).await, 2..=60);
    assert!(dialogue.room(Table { number: 1 }).await.is_err());
    node.reach();
    assert_eq!(join(&mut ada, "table-1", None).await["type"], "joined");
    assert_eq!(join(&mut ada, "table-2", None).await["code"], "ROOM_NOT_FOUND");
}
