//! Rooms that go or stay while the store has one of their events.

use super::*;
use crate::log::durable::{DurableLog, RoomKey};
use crate::prelude::*;

rooms! {
    /// The rooms of this test.
    Lobbies;

    /// Created when a client joins it.
    Lobby { number: u64 } = "lobby-{number}" {
        name: "Lobby",
        events: [Plenty],
        on_demand: true,
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_behind_the_deletion_of_its_room_finds_no_room() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    let room = find_room(&dialogue, "room").await.expect("a room");
    let key = RoomKey {
        id: "room".into(),
        epoch: room.epoch().into(),
    };
    store.delete_room(key, true, Box::new(|deleted| assert_eq!(deleted, Ok(true))));
    ada.plenty(1).await;
    store.commit_all();
    assert_eq!(ada.received().await, ["left", "roomDeleted", "error 1 ROOM_NOT_FOUND"]);
    assert_eq!(store.events("room"), []);
}

#[tokio::test(start_paused = true)]
async fn an_on_demand_room_stays_while_the_store_has_one_of_its_events() {
    let store = FakeStore::manual();
    let dialogue = Dialogue::builder()
        .rooms::<Lobbies>()
        .durable(Arc::clone(&store) as _)
        .limits(Limits::default().with_append_deadline(Duration::from_secs(1_000)))
        .build()
        .expect("a server");
    let mut peer = Peer::connect(&dialogue, 1 << 20).await;
    peer.send(&json!({ "type": "join", "roomId": "lobby-1" })).await;
    peer.receive_type("joined").await;
    peer.send(&json!({ "type": "trigger", "id": 1, "roomId": "lobby-1", "event": "plenty", "data": { "number": 1 } }))
        .await;
    store.until_waiting(1).await;
    drop(peer);
    pass(300).await;
    assert!(
        dialogue.here().room(Lobby { number: 1 }).is_some(),
        "its event is on its way"
    );
    store.commit();
    pass(200).await;
    assert!(dialogue.here().room(Lobby { number: 1 }).is_none());
    assert_eq!(store.events("lobby-1").len(), 1);
}
