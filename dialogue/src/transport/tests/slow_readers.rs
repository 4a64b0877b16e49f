//! Promise 3: a slow consumer loses its own connection, and nobody else is affected.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;
use tokio::time::Instant;

use super::peer::Peer;
use super::{Bulk, Plenty, settle};
use crate::{Client, Dialogue, Limits, RoomConfig};

/// A network that holds little more than `joined`.
const NARROW: usize = 512;

async fn server(limits: Limits) -> Dialogue {
    let dialogue = Dialogue::builder()
        .define_events([])
        .limits(limits)
        .build()
        .expect("a server");
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
    let mut clients = dialogue.here().clients().into_iter();
    let client = clients.find(|client| connected["clientId"] == client.id().as_str());
    (peer, client.expect("the client"))
}

/// Triggers an event. Every test here relies on this: the event is sent at once, no matter how slowly clients read.
fn trigger(dialogue: &Dialogue, bytes: usize) {
    let room = dialogue.here().room("room").expect("the room");
    let text = "x".repeat(bytes);
    let triggered = room.trigger(Bulk { text }).now_or_never();
    triggered.expect("a trigger does not wait").expect("a delivery");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_stalled_clients_share_one_copy_of_a_large_event() {
    const READERS: usize = 1_000;
    let dialogue = server(Limits::default()).await;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(member(&dialogue, NARROW).await);
    }
    // The first event is partly written when the second is queued behind it.
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
    for (_, client) in &readers {
        client.disconnect().await;
    }
    drop(readers);
    // The time that an aborted connection has to send its close.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(kept.bytes().is_unique(), "nothing holds it when the clients are gone");
}

#[tokio::test(start_paused = true)]
async fn a_client_with_a_full_queue_is_closed_with_4000_and_the_others_miss_nothing() {
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
    assert!(client.rooms().is_empty(), "it is no longer a member");
    assert_eq!(slow.receive_close().await, 4000);
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_queue_is_full_of_bytes_is_closed_too() {
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
async fn a_client_that_reads_nothing_until_the_write_deadline_is_closed() {
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
async fn a_client_whose_queue_is_full_can_be_disconnected() {
    let dialogue = server(Limits {
        queue_frames: 8,
        ..Limits::default()
    })
    .await;
    let (mut slow, client) = member(&dialogue, NARROW).await;
    for _ in 0..8 {
        trigger(&dialogue, 1_000);
    }
    assert_eq!(client.rooms().len(), 1, "the queue is exactly full");
    client.disconnect().await;
    assert!(client.rooms().is_empty(), "at once");
    assert_eq!(slow.receive_close().await, 4501);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_does_not_delay_the_shutdown() {
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
    let (stopped, code) = tokio::join!(dialogue.stop(), async {
        let code = healthy.receive_close().await;
        drop(healthy);
        code
    });
    stopped.expect("a drain");
    assert_eq!(code, 1012);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "it takes the write deadline, and a moment for the close"
    );
    drop(slow);
}
