//! A member joins its room again with `since`. The answer must not claim too much.

use serde_json::{Value, json};

use super::peer::Peer;
use super::{Plenty, Scarce, find_room};
use crate::{Dialogue, RoomConfig};

async fn trigger(dialogue: &Dialogue, number: u64) {
    let room = find_room(dialogue, "room").await.expect("the room");
    room.trigger(Plenty { number }).await.expect("a delivery");
}

async fn with_room(dialogue: &Dialogue) -> String {
    let config = RoomConfig::new("room")
        .event::<Plenty>()
        .event::<Scarce>()
        .subscribe_to::<Plenty>();
    let room = dialogue.create_room(config).await.expect("a room");
    room.epoch()
}

async fn join_since(peer: &mut Peer, epoch: &str, seq: u64, subscriptions: &[&str]) -> Value {
    let since = json!({ "epoch": epoch, "seq": seq });
    let join = json!({ "type": "join", "id": 9, "roomId": "room", "subscriptions": subscriptions, "since": since });
    peer.send(&join).await;
    loop {
        let joined = peer.receive_type("joined").await;
        if joined["id"] == 9 {
            return joined;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_the_server_joined_to_a_room_is_not_recovered_before_its_join() {
    let dialogue = Dialogue::builder()
        .define_events([])
        .on_connected(|client| async move { client.join("room").await })
        .build()
        .expect("a server");
    let epoch = with_room(&dialogue).await;
    for number in 1..=3 {
        trigger(&dialogue, number).await;
    }
    let mut peer = Peer::connect(&dialogue, 1 << 16).await;
    let joined = join_since(&mut peer, &epoch, 1, &["plenty"]).await;
    assert_eq!(joined["recovered"], false, "events 2 and 3 were never sent to it");
    let joined = join_since(&mut peer, &epoch, 3, &["plenty"]).await;
    assert_eq!(joined["recovered"], true, "nothing has happened since");
}

#[tokio::test(start_paused = true)]
async fn a_member_is_not_recovered_for_events_that_it_adds() {
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let epoch = with_room(&dialogue).await;
    let mut peer = Peer::connect(&dialogue, 1 << 16).await;
    assert_eq!(join_since(&mut peer, &epoch, 0, &["scarce"]).await["recovered"], true);
    trigger(&dialogue, 1).await;
    let joined = join_since(&mut peer, &epoch, 0, &["scarce"]).await;
    assert_eq!(joined["recovered"], true, "its subscriptions are the same");
    let joined = join_since(&mut peer, &epoch, 0, &["scarce", "plenty"]).await;
    assert_eq!(joined["recovered"], false, "event 1 was not sent to it");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_counts_from_its_beginning() {
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let epoch = with_room(&dialogue).await;
    let mut peer = Peer::connect(&dialogue, 1 << 16).await;
    join_since(&mut peer, &epoch, 0, &["scarce"]).await;
    trigger(&dialogue, 1).await;
    peer.send(&json!({ "type": "subscribe", "id": 2, "roomId": "room", "event": "plenty" }))
        .await;
    peer.receive_type("ok").await;
    let both = ["scarce", "plenty"];
    assert_eq!(join_since(&mut peer, &epoch, 0, &both).await["recovered"], false);
    assert_eq!(join_since(&mut peer, &epoch, 1, &both).await["recovered"], true);
}
