//! Rooms that the nodes of a cluster create and delete: every client learns of each once and in order, whatever happens to the
//! feed.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::json;

use super::peer::{Peer, PeerFrame};
use super::stored::{Hall, IDLE, Table, join, on, peer};
use super::*;
use crate::cluster::tests::{Fate, Hub};
use crate::log::durable::DurableLog;
use crate::{Dialogue, RoomConfig};

/// What may happen to a message.
const FATES: [Fate; 4] = [Fate::Arrives, Fate::IsLost, Fate::ArrivesTwice, Fate::IsLate(300)];

const TABLE: Table = Table { number: 1 };

fn node(hub: &Arc<Hub>) -> Dialogue {
    on(&hub.store).with_cluster(hub.node()).build().expect("a server")
}

fn config(id: &str) -> RoomConfig {
    RoomConfig::new(id)
}

async fn pause() {
    tokio::time::sleep(Duration::from_secs(4)).await;
}

/// What a client has learned of rooms and of its memberships since the last call.
async fn news(peer: &mut Peer) -> Vec<String> {
    let texts = peer.drain().await.into_iter().filter_map(|frame| match frame {
        PeerFrame::Text(frame) => Some(frame),
        _ => None,
    });
    let news = texts.filter_map(|frame| {
        let room = frame["roomId"].as_str().or(frame["room"]["id"].as_str())?.to_owned();
        match frame["type"].as_str()? {
            kind @ ("roomCreated" | "roomDeleted" | "left") => Some(format!("{kind} {room}")),
            "event" => Some(format!("event {}", frame["seq"])),
            _ => None,
        }
    });
    news.collect()
}

#[tokio::test(start_paused = true)]
async fn every_node_announces_a_created_and_a_deleted_room_once() {
    for fate in FATES {
        let hub = Hub::new([]);
        let (one, two) = (node(&hub), node(&hub));
        let (mut ada, mut grace) = (peer(&one, "ada").await, peer(&two, "grace").await);
        // This node learns of its own changes by the feed, too.
        hub.plan([Fate::Arrives, fate]);
        one.create_room(config("desk")).await.expect("a room");
        pause().await;
        hub.plan([Fate::Arrives, fate]);
        assert_eq!(one.delete_room("desk").await, Ok(true));
        pause().await;
        for client in [&mut ada, &mut grace] {
            assert_eq!(news(client).await, ["roomCreated desk", "roomDeleted desk"], "{fate:?}");
        }
        assert!(two.room("desk").await.expect("an answer").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_can_be_joined_on_another_node_before_the_feed_has_told_of_it() {
    let hub = Hub::new([]);
    let (one, two) = (node(&hub), node(&hub));
    let mut grace = peer(&two, "grace").await;
    hub.plan([Fate::Arrives, Fate::IsLate(300)]);
    one.create_room(config("desk")).await.expect("a room");
    assert_eq!(join(&mut grace, "desk", None).await["type"], "joined");
    pause().await;
    assert_eq!(news(&mut grace).await, Vec::<String>::new(), "it came before the join");
}

#[tokio::test(start_paused = true)]
async fn hooks_about_rooms_run_on_the_node_that_creates_or_deletes() {
    let hub = Hub::new([]);
    let calls = [0, 1].map(|_| Arc::new(Mutex::new(Vec::new())));
    let nodes = calls.each_ref().map(|calls| {
        let (created, deleted) = (Arc::clone(calls), Arc::clone(calls));
        let builder = on(&hub.store).with_cluster(hub.node()).on_room_created(move |room| {
            created.lock().push(format!("+{}", room.id()));
            async { Ok(()) }
        });
        let builder = builder.on_room_deleted(move |room| {
            deleted.lock().push(format!("-{}", room.id()));
            async { Ok(()) }
        });
        builder.build().expect("a server")
    });
    nodes[0].create_room(config("desk")).await.expect("a room");
    pause().await;
    let mut grace = peer(&nodes[1], "grace").await;
    join(&mut grace, "desk", None).await;
    assert_eq!(nodes[1].delete_room("desk").await, Ok(true));
    nodes[1].create_room(config("lamp")).await.expect("a room");
    pause().await;
    let both = tokio::join!(nodes[0].delete_room("lamp"), nodes[1].delete_room("lamp"));
    assert!(both.0 == Ok(true) || both.1 == Ok(true), "{both:?}");
    pause().await;
    let mut all: Vec<String> = calls.iter().flat_map(|calls| calls.lock().clone()).collect();
    all.sort();
    assert_eq!(all, ["+desk", "+lamp", "-desk", "-lamp"]);
    assert_eq!(calls[0].lock()[0], "+desk");
    assert_eq!(calls[1].lock()[..2], ["-desk", "+lamp"]);
}

#[tokio::test(start_paused = true)]
async fn members_on_other_nodes_leave_a_deleted_room_behind_its_events() {
    for fate in FATES {
        let hub = Hub::new([]);
        let (one, two) = (node(&hub), node(&hub));
        one.create_room(TABLE).await.expect("a room");
        let mut grace = peer(&two, "grace").await;
        join(&mut grace, "table-1", None).await;
        for number in 1..=3 {
            one.trigger::<Plenty>(TABLE, Plenty { number })
                .await
                .expect("a delivery");
        }
        hub.plan([Fate::Arrives, fate]);
        one.delete_room(TABLE).await.expect("a deletion");
        // The id is free at once.
        hub.plan([Fate::Arrives, fate]);
        one.create_room(TABLE).await.expect("a room");
        pause().await;
        let expected = [
            "event 1",
            "event 2",
            "event 3",
            "left table-1",
            "roomDeleted table-1",
            "roomCreated table-1",
        ];
        assert_eq!(news(&mut grace).await, expected, "{fate:?}");
        let joined = join(&mut grace, "table-1", None).await;
        let room = one.room(TABLE).await.expect("an answer").expect("a room");
        let epoch = joined["epoch"].as_str().expect("an epoch");
        assert_eq!(joined["seq"], 0);
        assert!(epoch.starts_with(&*room.cell.incarnation), "{epoch}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_declared_room_that_was_deleted_stays_deleted_on_every_node() {
    for fate in FATES {
        let hub = Hub::new([]);
        let (one, two) = (node(&hub), node(&hub));
        let mut grace = peer(&two, "grace").await;
        join(&mut grace, "hall", None).await;
        hub.plan([Fate::Arrives, fate]);
        assert_eq!(one.delete_room(Hall).await, Ok(true));
        pause().await;
        assert_eq!(news(&mut grace).await, ["left hall", "roomDeleted hall"], "{fate:?}");
        assert_eq!(join(&mut grace, "hall", None).await["code"], "ROOM_NOT_FOUND");
        let late = node(&hub);
        let mut bob = peer(&late, "bob").await;
        assert_eq!(join(&mut bob, "hall", None).await["code"], "ROOM_NOT_FOUND");
        two.create_room(Hall).await.expect("the room returns");
        pause().await;
        assert_eq!(join(&mut bob, "hall", None).await["type"], "joined");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_on_another_node_does_not_take_the_reply_from_a_client_that_deletes_too() {
    let hub = Hub::new([]);
    let (one, two) = (node(&hub), node(&hub));
    let mut ada = peer(&one, "ada").await;
    ada.send(&json!({ "type": "createRoom", "id": 1, "room": { "id": "table-1" } }))
        .await;
    ada.receive_type("roomCreated").await;
    pause().await;
    hub.store.set_manual(true);
    ada.send(&json!({ "type": "deleteRoom", "id": 2, "roomId": "table-1" }))
        .await;
    hub.store.until_waiting(1).await;
    let other = tokio::spawn(async move { two.delete_room("table-1").await });
    hub.store.until_waiting(2).await;
    hub.store.commit_all();
    hub.store.set_manual(false);
    let _either = other.await.expect("no panic");
    let reply = ada.receive_type("roomDeleted").await;
    assert_eq!(reply["id"], 2);
}

fn anonymous(dialogue: &Dialogue) -> impl Future<Output = Peer> {
    let dialogue = dialogue.clone();
    async move {
        let mut peer = Peer::connect(&dialogue, 1 << 16).await;
        peer.receive_type("connected").await;
        peer
    }
}

/// Waits until a room that nobody needs is gone.
async fn expire() {
    tokio::time::sleep(IDLE * 8).await;
}

async fn exists(hub: &Hub, id: &str) -> bool {
    hub.store.room(&id.into()).await.expect("a room").created.is_some()
}

#[tokio::test(start_paused = true)]
async fn the_room_of_an_anonymous_user_stays_as_long_as_another_node_uses_it() {
    let hub = Hub::new([]);
    let (one, two) = (node(&hub), node(&hub));
    let mut creator = anonymous(&one).await;
    creator
        .send(&json!({ "type": "createRoom", "id": 1, "room": { "id": "table-1" } }))
        .await;
    creator.receive_type("roomCreated").await;
    join(&mut creator, "table-1", None).await;
    let mut grace = peer(&two, "grace").await;
    join(&mut grace, "table-1", None).await;
    drop(creator);
    expire().await;
    assert!(exists(&hub, "table-1").await, "grace is in it");
    assert_eq!(hub.followers("table-1"), 1, "nobody is in it on the first node");
    assert_eq!(news(&mut grace).await, Vec::<String>::new());
    grace.send(&json!({ "type": "leave", "roomId": "table-1" })).await;
    expire().await;
    assert!(!exists(&hub, "table-1").await, "nobody is in it");
}

#[tokio::test(start_paused = true)]
async fn two_nodes_that_leave_a_room_to_each_other_delete_it_in_the_end() {
    let hub = Hub::new([]);
    let (one, two) = (node(&hub), node(&hub));
    let mut creator = anonymous(&one).await;
    creator
        .send(&json!({ "type": "createRoom", "id": 1, "room": { "id": "table-1" } }))
        .await;
    creator.receive_type("roomCreated").await;
    join(&mut creator, "table-1", None).await;
    let mut grace = peer(&two, "grace").await;
    join(&mut grace, "table-1", None).await;
    drop((creator, grace));
    tokio::time::sleep(IDLE * 20).await;
    assert!(!exists(&hub, "table-1").await);
}

/// A step of one node: it creates or deletes one of three rooms, and pauses.
type Step = (usize, usize, bool, u64);

async fn run(fates: Vec<Fate>, steps: Vec<Step>) {
    const ROOMS: [&str; 3] = ["a", "b", "c"];
    let hub = Hub::new(fates);
    let nodes: Vec<Dialogue> = (0..3).map(|_| node(&hub)).collect();
    let mut clients = Vec::new();
    for node in &nodes {
        clients.push(peer(node, "ada").await);
    }
    for (node, room, creates, pause) in steps {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        match creates {
            true => drop(nodes[node].create_room(config(ROOMS[room])).await),
            false => drop(nodes[node].delete_room(ROOMS[room]).await),
        }
    }
    pause().await;
    for (node, client) in nodes.iter().zip(&mut clients) {
        let mut known: BTreeMap<String, bool> = BTreeMap::new();
        for news in news(client).await {
            let (kind, room) = news.split_once(' ').expect("two words");
            let is_there = kind == "roomCreated";
            let was_there = known.insert(room.to_owned(), is_there).unwrap_or(false);
            assert_ne!(was_there, is_there, "{news} comes twice");
        }
        for room in ROOMS {
            let is_there = exists(&hub, room).await;
            assert_eq!(known.get(room).copied().unwrap_or(false), is_there, "{room}");
            let found = node.room(room).await.expect("an answer");
            assert_eq!(found.is_some(), is_there, "{room}");
            let present = hub.store.room(&room.into()).await.expect("a room").key.epoch;
            assert!(found.is_none_or(|found| *found.cell.incarnation == *present), "{room}");
        }
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Arrives),
        Just(Fate::IsLost),
        Just(Fate::ArrivesTwice),
        (1u64..400).prop_map(Fate::IsLate),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn announcements_alternate_and_end_with_the_truth(
        fates in prop::collection::vec(fate(), 0..80),
        steps in prop::collection::vec((0usize..3, 0usize..3, any::<bool>(), 0u64..300), 0..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(run(fates, steps));
    }
}
