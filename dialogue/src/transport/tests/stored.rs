//! Rooms whose log is in a store: loading, joins and pages beyond the window, and rooms that outlive the process. The store
//! is a fake, and the clock is paused.

mod incarnations;
mod shares;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::peer::Peer;
use super::{Plenty, find_room, settle};
use crate::calls::CreateRoomError;
use crate::event::EventMessage;
use crate::log::durable::{Append, DurableLog, RoomKey, Ticket};
use crate::log::tests::fake_store::{FakeStore, broken};
use crate::prelude::*;
use crate::protocol::EventHead;
use crate::room::SyncHistory;
use crate::{Builder, Limits, RoomConfig, TriggerError};

rooms! {
    /// The rooms of these tests.
    pub(super) Rooms;

    /// Always there.
    pub(super) Hall = "hall" {
        events: [Plenty],
        default_subscriptions: [Plenty],
        sync_history_on_join: true,
    }

    /// Created when a client joins it.
    pub(super) Lobby { number: u64 } = "lobby-{number}" {
        events: [Plenty],
        default_subscriptions: [Plenty],
        on_demand: true,
    }

    /// Created by clients, each up to two.
    pub(super) Table { number: u64 } = "table-{number}" {
        events: [Plenty],
        default_subscriptions: [Plenty],
        client_created: 2,
    }
}

pub(super) const IDLE: Duration = Duration::from_secs(5);

/// A server on this store, whose replays have at most 8 events.
pub(super) fn on(store: &Arc<FakeStore>) -> Builder {
    let limits = Limits::default()
        .with_on_demand_idle(IDLE)
        .with_replay_events(8)
        .with_append_deadline(Duration::from_secs(3));
    Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .limits(limits)
        .durable(Arc::clone(store) as Arc<dyn DurableLog>)
}

pub(super) fn server(store: &Arc<FakeStore>) -> Dialogue {
    on(store).build().expect("a server")
}

pub(super) async fn peer(dialogue: &Dialogue, user: &str) -> Peer {
    let mut peer = Peer::new_as(dialogue, json!({ "userId": user })).await;
    peer.receive_type("connected").await;
    peer
}

/// Stores events of a room, as an earlier run of the server would have done.
pub(super) fn put(store: &FakeStore, room: &RoomKey, count: u64) {
    for number in 0..count {
        let message = EventMessage {
            event: "plenty".into(),
            room_id: room.id.clone(),
            data: json!({ "number": number }),
            from: "ada".into(),
            timestamp: 0,
            meta: None,
            seq: None,
            erased: false,
        };
        store.append(Append {
            room: room.clone(),
            event: "plenty".into(),
            from: "ada".into(),
            prepared: EventHead::of(&message).prepare(),
            key: None,
            keep: usize::MAX,
            ticket: Arc::new(Ticket::default()),
            done: Box::new(drop),
        });
    }
}

/// The room with this id that the store does not know yet.
pub(super) fn first(store: &FakeStore, id: &str) -> RoomKey {
    RoomKey {
        id: id.into(),
        epoch: store.first_epoch(id),
    }
}

pub(super) async fn ask(peer: &mut Peer, request: Value) -> Value {
    let mut request = request;
    request["id"] = json!(7);
    peer.send(&request).await;
    loop {
        match peer.receive().await.expect("an answer") {
            super::peer::PeerFrame::Text(answer) if answer["id"] == 7 => return answer,
            _ => {}
        }
    }
}

pub(super) async fn join(peer: &mut Peer, room: &str, since: Option<(&Value, u64)>) -> Value {
    let mut request = json!({ "type": "join", "roomId": room });
    if let Some((epoch, seq)) = since {
        request["since"] = json!({ "epoch": epoch, "seq": seq });
    }
    ask(peer, request).await
}

pub(super) fn numbers(frame: &Value) -> Vec<u64> {
    let events = frame["events"].as_array().expect("events").iter();
    events.map(|event| event["seq"].as_u64().expect("a number")).collect()
}

async fn page(peer: &mut Peer, room: &str, before: u64, limit: u64) -> Value {
    let request = json!({ "type": "history", "roomId": room, "event": "plenty", "before": before, "limit": limit });
    ask(peer, request).await
}

/// Triggers an event that reaches the window. The store has it too once triggers use it.
async fn say(dialogue: &Dialogue) -> u64 {
    let delivery = dialogue.trigger::<Plenty>(Hall, Plenty { number: 0 }).await;
    delivery.expect("a delivery").seq.expect("a number")
}

#[tokio::test(start_paused = true)]
async fn a_first_join_gets_the_declared_history_of_the_store_and_pages_reach_everything() {
    let store = FakeStore::new();
    put(&store, &first(&store, "hall"), 30);
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    let joined = join(&mut ada, "hall", None).await;
    assert_eq!(joined["seq"], 30);
    assert_eq!(joined["epoch"], json!(store.first_epoch("hall")));
    assert_eq!(numbers(&joined), (25..=30).collect::<Vec<_>>(), "six, as declared");
    let (mut before, mut read) = (u64::MAX >> 11, Vec::new());
    loop {
        let page = page(&mut ada, "hall", before, 7).await;
        read.extend(numbers(&page));
        before = *read.last().expect("a number");
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(read, (1..=30).rev().collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_position_beyond_the_window_is_recovered_from_the_store() {
    let store = FakeStore::new();
    put(&store, &first(&store, "hall"), 12);
    let dialogue = on(&store)
        .history(crate::history::HistoryManager::new(
            crate::history::HistoryConfig::default().with_max_rooms(0),
        ))
        .build()
        .expect("a server");
    let mut ada = peer(&dialogue, "ada").await;
    let epoch = json!(store.first_epoch("hall"));
    let joined = join(&mut ada, "hall", Some((&epoch, 4))).await;
    assert_eq!(
        (&joined["recovered"], numbers(&joined)),
        (&json!(true), (5..=12).collect())
    );
    let mut bob = peer(&dialogue, "bob").await;
    let joined = join(&mut bob, "hall", Some((&epoch, 3))).await;
    assert_eq!(joined["recovered"], false, "nine are too many");
    assert_eq!(numbers(&joined), (7..=12).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn events_that_retention_removed_are_not_recovered() {
    let store = FakeStore::new();
    put(&store, &first(&store, "hall"), 12);
    store.let_expire("hall", 6);
    let expired = store.expired(crate::log::LogBounds::NONE).await.expect("events").events;
    store.remove(expired).await.expect("a change");
    let dialogue = server(&store);
    let epoch = json!(store.first_epoch("hall"));
    for (since, recovered) in [(5, false), (6, true)] {
        let mut ada = peer(&dialogue, "ada").await;
        let joined = join(&mut ada, "hall", Some((&epoch, since))).await;
        assert_eq!(joined["recovered"], recovered, "since {since}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_whose_reads_fail_may_be_repeated_and_gets_everything_then() {
    let store = FakeStore::new();
    put(&store, &first(&store, "hall"), 3);
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    store.fail_reads(Some(broken()));
    let refused = join(&mut ada, "hall", None).await;
    assert_eq!(refused["code"], "UNAVAILABLE");
    assert!(refused["retryAfter"].as_u64().is_some());
    store.fail_reads(None);
    assert_eq!(numbers(&join(&mut ada, "hall", None).await), [1, 2, 3]);
    store.fail_reads(Some(broken()));
    assert_eq!(
        page(&mut ada, "hall", 9, 9).await["code"],
        Value::Null,
        "the window has the page"
    );
}

#[tokio::test(start_paused = true)]
async fn a_read_that_never_ends_is_given_up_at_the_deadline() {
    let store = FakeStore::new();
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    store.hold_reads(true);
    assert_eq!(join(&mut ada, "hall", None).await["code"], "UNAVAILABLE");
    store.hold_reads(false);
    assert_eq!(join(&mut ada, "hall", None).await["type"], "joined");
}

#[tokio::test(start_paused = true)]
async fn two_joins_at_once_load_the_log_once() {
    let store = FakeStore::new();
    put(&store, &first(&store, "hall"), 3);
    let dialogue = server(&store);
    let (mut ada, mut bob) = (peer(&dialogue, "ada").await, peer(&dialogue, "bob").await);
    store.hold_reads(true);
    for peer in [&mut ada, &mut bob] {
        peer.send(&json!({ "type": "join", "roomId": "hall" })).await;
    }
    settle().await;
    store.hold_reads(false);
    for peer in [&mut ada, &mut bob] {
        assert_eq!(numbers(&peer.receive_type("joined").await), [1, 2, 3]);
    }
    assert_eq!(dialogue.history().count("hall", "plenty").await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_deleted_while_it_is_loaded_is_gone_for_the_join() {
    let store = FakeStore::new();
    put(&store, &first(&store, "hall"), 3);
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    store.hold_reads(true);
    ada.send(&json!({ "type": "join", "roomId": "hall" })).await;
    settle().await;
    assert!(dialogue.delete_room(Hall).await.expect("a deletion"));
    store.hold_reads(false);
    assert_eq!(ada.receive_type("error").await["code"], "ROOM_NOT_FOUND");
    assert_eq!(dialogue.history().count("hall", "plenty").await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_created_room_survives_a_restart_and_is_listed_without_being_loaded() {
    let store = FakeStore::new();
    let dialogue = server(&store);
    let config = RoomConfig::new("lounge")
        .name("The lounge")
        .description("Take a seat.")
        .event::<Plenty>()
        .subscribe_to::<Plenty>()
        .max_size(3)
        .sync_history_on_join(SyncHistory::PerType(2));
    let room = dialogue.create_room(config).created_by("ada").await.expect("a room");
    let epoch = room.epoch();
    put(
        &store,
        &RoomKey {
            id: "lounge".into(),
            epoch: epoch.as_str().into(),
        },
        5,
    );
    drop((room, dialogue));

    let store = store.restart();
    let dialogue = server(&store);
    assert!(dialogue.here().room("lounge").is_none(), "not loaded");
    let mut ada = peer(&dialogue, "ada").await;
    let listed = ask(&mut ada, json!({ "type": "listRooms" })).await;
    let lounge = json!({
        "id": "lounge", "name": "The lounge", "description": "Take a seat.", "size": 0, "maxSize": 3, "createdById": "ada",
    });
    assert!(listed["rooms"].as_array().expect("rooms").contains(&lounge), "{listed}");
    assert!(dialogue.here().room("lounge").is_none(), "still not loaded");
    let exists = dialogue.create_room(RoomConfig::new("lounge")).await;
    assert!(matches!(exists, Err(CreateRoomError::Exists { .. })), "{exists:?}");
    let leave = ask(&mut ada, json!({ "type": "leave", "roomId": "lounge" })).await;
    assert_eq!(leave["code"], "NOT_IN_ROOM");
    let trigger = json!({ "type": "trigger", "roomId": "lounge", "event": "plenty", "data": { "number": 1 } });
    assert_eq!(ask(&mut ada, trigger).await["code"], "NOT_IN_ROOM");
    let joined = join(&mut ada, "lounge", Some((&json!(epoch), 2))).await;
    assert_eq!((&joined["recovered"], numbers(&joined)), (&json!(true), vec![3, 4, 5]));
    let room = find_room(&dialogue, "lounge").await.expect("a room");
    assert_eq!((room.epoch(), room.max_size()), (epoch, Some(3)));
    room.trigger(Plenty { number: 6 }).await.expect("a typed trigger");
}

#[tokio::test(start_paused = true)]
async fn quotas_and_names_of_rooms_that_clients_created_survive_a_restart() {
    let store = FakeStore::new();
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    let create =
        |number: u64| json!({ "type": "createRoom", "room": { "id": format!("table-{number}"), "name": "Ours" } });
    for number in 1..=2 {
        assert_eq!(ask(&mut ada, create(number)).await["type"], "roomCreated");
    }
    drop((ada, dialogue));

    let store = store.restart();
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    assert_eq!(ask(&mut ada, create(3)).await["code"], "LIMIT_EXCEEDED");
    assert_eq!(ask(&mut ada, create(1)).await["code"], "ROOM_EXISTS");
    let delete = json!({ "type": "deleteRoom", "roomId": "table-1" });
    let mut bob = peer(&dialogue, "bob").await;
    assert_eq!(ask(&mut bob, delete.clone()).await["code"], "PERMISSION_DENIED");
    assert_eq!(ask(&mut ada, delete).await["type"], "roomDeleted");
    assert_eq!(ask(&mut ada, create(3)).await["type"], "roomCreated");
    let listed = ask(&mut ada, json!({ "type": "listRooms" })).await;
    let named: Vec<_> = listed["rooms"]
        .as_array()
        .expect("rooms")
        .iter()
        .map(|room| (&room["id"], &room["name"]))
        .collect();
    assert!(named.contains(&(&json!("table-2"), &json!("Ours"))), "{named:?}");
}

#[tokio::test(start_paused = true)]
async fn a_declared_room_that_was_deleted_stays_so_until_it_is_created() {
    let store = FakeStore::new();
    let dialogue = server(&store);
    let before = find_room(&dialogue, Hall).await.expect("a room").epoch();
    assert!(dialogue.delete_room(Hall).await.expect("a deletion"));
    assert!(!dialogue.delete_room(Hall).await.expect("no deletion"));
    drop(dialogue);

    let store = store.restart();
    let dialogue = server(&store);
    assert!(find_room(&dialogue, Hall).await.is_none());
    dialogue.create_room(Hall).await.expect("a room");
    drop(dialogue);

    let store = store.restart();
    let dialogue = server(&store);
    let after = find_room(&dialogue, Hall).await.expect("a room");
    assert_ne!(after.epoch(), before);
    put(
        &store,
        &RoomKey {
            id: "hall".into(),
            epoch: after.epoch().into(),
        },
        1,
    );
    assert_eq!(say(&dialogue).await, 2);
}

#[tokio::test(start_paused = true)]
async fn an_idle_room_on_demand_keeps_its_epoch_and_numbers_in_the_store() {
    let store = FakeStore::new();
    put(&store, &first(&store, "lobby-1"), 4);
    let mut epochs = Vec::new();
    let mut store = store;
    for _ in 0..2 {
        let dialogue = server(&store);
        let mut ada = peer(&dialogue, "ada").await;
        for _ in 0..2 {
            let joined = join(&mut ada, "lobby-1", Some((&json!(store.first_epoch("lobby-1")), 2))).await;
            assert_eq!((&joined["recovered"], numbers(&joined)), (&json!(true), vec![3, 4]));
            epochs.push(joined["epoch"].clone());
            ask(&mut ada, json!({ "type": "leave", "roomId": "lobby-1" })).await;
            tokio::time::sleep(IDLE * 2).await;
            assert!(dialogue.here().room(Lobby { number: 1 }).is_none(), "it is gone");
        }
        store = store.restart();
    }
    epochs.dedup();
    assert_eq!(epochs.len(), 1);
    let dialogue = server(&store);
    assert!(
        dialogue.delete_room(Lobby { number: 1 }).await.expect("a deletion"),
        "idle"
    );
    assert!(
        !dialogue.delete_room(Lobby { number: 2 }).await.expect("no deletion"),
        "never used"
    );
    let mut ada = peer(&dialogue, "ada").await;
    let joined = join(&mut ada, "lobby-1", Some((&epochs[0], 2))).await;
    assert_eq!((&joined["recovered"], &joined["seq"]), (&json!(false), &json!(0)));
    assert_ne!(joined["epoch"], epochs[0]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_created_room_is_unloaded_and_nobody_can_tell() {
    let store = FakeStore::new();
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    let room = dialogue.create_room(Table { number: 1 }).await.expect("a room");
    tokio::time::sleep(IDLE * 3).await;
    assert!(dialogue.here().room("table-1").is_some(), "a handle keeps it");
    let epoch = room.epoch();
    drop(room);
    tokio::time::sleep(IDLE * 3).await;
    assert!(dialogue.here().room("table-1").is_none(), "unloaded");
    let joined = join(&mut ada, "table-1", Some((&json!(epoch), 0))).await;
    assert_eq!(joined["recovered"], true);
    tokio::time::sleep(IDLE * 3).await;
    assert!(dialogue.here().room("table-1").is_some(), "a member keeps it");
    assert!(dialogue.delete_room(Table { number: 1 }).await.expect("a deletion"));
    assert_eq!(ada.receive_type("left").await["reason"], "roomDeleted");
}

#[tokio::test(start_paused = true)]
async fn a_room_that_the_store_refuses_does_not_exist_and_takes_no_place() {
    let store = FakeStore::manual();
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    for _ in 0..3 {
        ada.send(&json!({ "type": "createRoom", "id": 1, "room": { "id": "table-1" } }))
            .await;
        store.until_waiting(1).await;
        assert!(
            find_room(&dialogue, "table-1").await.is_none(),
            "not before it is stored"
        );
        store.refuse(broken());
        assert_eq!(ada.receive_type("error").await["code"], "UNAVAILABLE");
    }
    let creating = dialogue.create_room(Table { number: 1 });
    let waiting = tokio::spawn(async move { creating.await });
    store.until_waiting(1).await;
    let second = dialogue.create_room(Table { number: 1 }).await;
    assert!(matches!(second, Err(CreateRoomError::Exists { .. })), "{second:?}");
    waiting.abort();
    store.commit();
    assert_eq!(
        ada.receive_type("roomCreated").await["room"]["id"],
        "table-1",
        "it goes on without its caller"
    );
    settle().await;
    assert!(find_room(&dialogue, "table-1").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_the_store_refuses_changes_nothing() {
    let store = FakeStore::manual();
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    join(&mut ada, "hall", None).await;
    let deleting = tokio::spawn({
        let dialogue = dialogue.clone();
        async move { dialogue.delete_room(Hall).await }
    });
    store.until_waiting(1).await;
    store.refuse(broken());
    assert_eq!(deleting.await.expect("an outcome"), Err(broken()));
    assert!(dialogue.is_in_room("ada", Hall).await);
    let deleting = tokio::spawn({
        let dialogue = dialogue.clone();
        async move { dialogue.delete_room(Hall).await }
    });
    store.until_waiting(1).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(deleting.await.expect("an outcome").is_err(), "the deadline has passed");
    store.commit();
    assert_eq!(
        ada.receive_type("left").await["reason"],
        "roomDeleted",
        "it is deleted when the store has done it"
    );
}

#[tokio::test(start_paused = true)]
async fn the_room_of_an_anonymous_user_that_does_not_come_back_expires_after_a_restart() {
    let store = FakeStore::new();
    let dialogue = server(&store);
    let mut nobody = Peer::connect(&dialogue, 1 << 16).await;
    nobody.receive_type("connected").await;
    let created = ask(
        &mut nobody,
        json!({ "type": "createRoom", "room": { "id": "table-9" } }),
    )
    .await;
    assert_eq!(created["type"], "roomCreated");
    drop((nobody, dialogue));

    let store = store.restart();
    let dialogue = server(&store);
    let mut ada = peer(&dialogue, "ada").await;
    assert_eq!(ada.receive_type("roomDeleted").await["roomId"], "table-9");
    assert!(find_room(&dialogue, "table-9").await.is_none());
    assert!(store.index().expect("an index").is_empty());
}

#[tokio::test(start_paused = true)]
async fn stored_rooms_that_are_not_declared_any_more_are_hidden_and_kept() {
    let store = FakeStore::new();
    let dialogue = server(&store);
    dialogue.create_room(Table { number: 1 }).await.expect("a room");
    let mut ada = peer(&dialogue, "ada").await;
    ask(&mut ada, json!({ "type": "createRoom", "room": { "id": "table-2" } })).await;
    drop((ada, dialogue));

    let store = store.restart();
    let others = || {
        Dialogue::builder()
            .define_events([])
            .trust_client_identity()
            .durable(Arc::clone(&store) as Arc<dyn DurableLog>)
            .build()
            .expect("a server")
    };
    let dialogue = others();
    let mut ada = peer(&dialogue, "ada").await;
    for room in ["table-1", "table-2"] {
        assert!(find_room(&dialogue, room).await.is_none());
        assert_eq!(join(&mut ada, room, None).await["code"], "ROOM_NOT_FOUND");
    }
    assert_eq!(ask(&mut ada, json!({ "type": "listRooms" })).await["rooms"], json!([]));
    dialogue
        .create_room(RoomConfig::new("table-7"))
        .await
        .expect("a room without a declaration");
    drop((ada, dialogue));

    let store = store.restart();
    let dialogue = server(&store);
    assert!(find_room(&dialogue, "table-2").await.is_some(), "it was kept");
    assert!(
        find_room(&dialogue, "table-7").await.is_none(),
        "a declaration has this id now"
    );
    assert_eq!(store.index().expect("an index").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_servers_first_trigger_in_a_room_continues_its_numbers_and_loads_the_window_first() {
    let store = FakeStore::new();
    put(&store, &first(&store, "hall"), 3);
    let dialogue = server(&store);
    store.fail_reads(Some(broken()));
    let refused = dialogue.trigger::<Plenty>(Hall, Plenty { number: 0 }).await;
    assert!(matches!(refused, Err(TriggerError::NotAccepted(_))), "{refused:?}");
    store.fail_reads(None);
    assert_eq!(say(&dialogue).await, 4);
    assert_eq!(dialogue.history().count("hall", "plenty").await, 4);
    let mut ada = peer(&dialogue, "ada").await;
    assert_eq!(numbers(&join(&mut ada, "hall", None).await), [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn events_that_are_applied_while_a_join_reads_come_after_what_was_read() {
    let store = FakeStore::new();
    put(&store, &first(&store, "hall"), 6);
    let history = crate::history::HistoryConfig::default().with_max_rooms(0);
    let dialogue = on(&store)
        .history(crate::history::HistoryManager::new(history))
        .build()
        .expect("a server");
    let mut ada = peer(&dialogue, "ada").await;
    let mut bob = peer(&dialogue, "bob").await;
    join(&mut bob, "hall", None).await;
    store.hold_reads(true);
    let since = json!({ "epoch": store.first_epoch("hall"), "seq": 2 });
    ada.send(&json!({ "type": "join", "roomId": "hall", "since": since }))
        .await;
    settle().await;
    // The window keeps nothing, so that it has moved beyond what is read: the join reads once more.
    assert_eq!(say(&dialogue).await, 7);
    store.hold_reads(false);
    let joined = ada.receive_type("joined").await;
    assert_eq!(
        (&joined["recovered"], numbers(&joined)),
        (&json!(true), vec![3, 4, 5, 6, 7])
    );
    assert_eq!(say(&dialogue).await, 8);
    assert_eq!(ada.receive_type("event").await["seq"], 8, "live from here on");
}
