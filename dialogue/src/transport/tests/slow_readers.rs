//! Promise 3: a reader that does not read costs its own connection, and nobody else anything.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;
use tokio::time::Instant;

use super::peer::Peer;
use super::{Bulk, Plenty, settle};
use crate::{Client, Dialogue, Limits, RoomConfig};

/// A network that holds `joined` and little more.
const NARROW: usize = 512;

async fn server(limits: Limits) -> Dialogue {
    let dialogue = Dialogue::builder().limits(limits).build().expect("a server");
    let config = RoomConfig::new("room")
        .event::<Bulk>()
        .event::<Plenty>()
        .subscribe_to_all();
    dialogue.create_room(config).await.expect("a room");
    dialogue
}

async fn member(dialogue: &Dialogue, capacity: usize) -> (Peer, Client) {
    let mut peer = Peer::connect(dialogue, capacity).await;
    let connected = peer.receive_type("connected").await;
    peer.send(&json!({ "type": "join", "roomId": "room" })).await;
    peer.receive_type("joined").await;
    let mut clients = dialogue.clients().into_iter();
    let client = clients.find(|client| connected["clientId"] == client.id().as_str());
    (peer, client.expect("the client"))
}

/// Triggers an event; that it is sent at once, whatever its readers do, is part of every test here.
fn trigger(dialogue: &Dialogue, bytes: usize) {
    let room = dialogue.room("room").expect("the room");
    let text = "x".repeat(bytes);
    let triggered = room.trigger(Bulk { text }).now_or_never();
    triggered.expect("a trigger does not wait").expect("a delivery");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_stalled_readers_hold_a_large_event_once() {
    const READERS: usize = 1_000;
    let dialogue = server(Limits::default()).await;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(member(&dialogue, NARROW).await);
    }
    // The first is half written when the second comes to wait behind it.
    for _ in 0..2 {
        trigger(&dialogue, 200_000);
        let frames: Vec<_> = readers
            .iter()
            .flat_map(|(_, client)| client.state.outbox.queued())
            .collect();
        assert_eq!(frames.len(), READERS);
        let places: BTreeSet<_> = frames.iter().map(|frame| frame.bytes().as_ptr()).collect();
        assert_eq!(places.len(), 1, "the event is in memory once");
        settle().await;
    }
    let kept = readers[0].1.state.outbox.queued().pop().expect("the second event");
    readers.iter().for_each(|(_, client)| client.disconnect());
    drop(readers);
    // The time that a cut reader is given to take its close.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(kept.bytes().is_unique(), "and nobody holds it when they are gone");
}

#[tokio::test(start_paused = true)]
async fn a_reader_over_its_queue_is_cut_with_4000_and_the_others_miss_nothing() {
    const EVENTS: usize = 50;
    let dialogue = server(Limits {
        queue_frames: 8,
        ..Limits::default()
    })
    .await;
    let (mut slow, client) = member(&dialogue, NARROW).await;
    let (mut healthy, _) = member(&dialogue, 1 << 20).await;
    for _ in 0..EVENTS {
        trigger(&dialogue, 1_000);
        assert_eq!(healthy.receive_type("event").await["event"], "bulk");
    }
    settle().await;
    assert!(client.rooms().is_empty(), "it holds no seat any more");
    assert_eq!(slow.receive_close().await, 4000);
}

#[tokio::test(start_paused = true)]
async fn a_reader_over_its_queue_in_bytes_is_cut_too() {
    let dialogue = server(Limits {
        queue_bytes: 600_000,
        ..Limits::default()
    })
    .await;
    let (mut slow, client) = member(&dialogue, NARROW).await;
    for _ in 0..3 {
        trigger(&dialogue, 250_000);
    }
    settle().await;
    assert!(client.rooms().is_empty());
    assert_eq!(slow.receive_close().await, 4000);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_until_the_write_deadline_is_cut() {
    let dialogue = server(Limits::default()).await;
    let (mut slow, client) = member(&dialogue, NARROW).await;
    trigger(&dialogue, 1_000);
    tokio::time::sleep(Duration::from_millis(4_900)).await;
    assert_eq!(client.rooms().len(), 1, "the deadline is 5 s");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(client.rooms().is_empty());
    assert_eq!(slow.receive_close().await, 4000);
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_queue_is_full_can_be_thrown_out() {
    let dialogue = server(Limits {
        queue_frames: 8,
        ..Limits::default()
    })
    .await;
    let (mut slow, client) = member(&dialogue, NARROW).await;
    for _ in 0..8 {
        trigger(&dialogue, 1_000);
    }
    assert_eq!(client.rooms().len(), 1, "the queue is full, and no more than full");
    client.disconnect();
    assert!(client.rooms().is_empty(), "at once");
    assert_eq!(slow.receive_close().await, 4501);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_does_not_hold_up_the_drain() {
    let dialogue = server(Limits {
        queue_frames: 8,
        ..Limits::default()
    })
    .await;
    let (slow, _) = member(&dialogue, NARROW).await;
    let (mut healthy, _) = member(&dialogue, 1 << 20).await;
    for _ in 0..8 {
        trigger(&dialogue, 1_000);
    }
    let begun = Instant::now();
    let (stopped, heard) = tokio::join!(dialogue.stop(), async {
        let code = healthy.receive_close().await;
        drop(healthy);
        code
    });
    stopped.expect("a drain");
    assert_eq!(heard, 1012);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "the write deadline, and a moment to close"
    );
    drop(slow);
}
