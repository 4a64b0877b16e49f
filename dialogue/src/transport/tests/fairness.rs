//! No party can block another: neither a slow hook, nor a full queue, nor a greedy client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::Instant;

use super::peer::{Peer, PeerFrame};
use super::*;
use crate::RoomConfig;
use crate::room::SyncHistory;

/// A room that sends all its history to a client that joins.
fn archive(id: String) -> RoomConfig {
    RoomConfig::new(id)
        .event::<Archived>()
        .sync_history_on_join(SyncHistory::All)
        .subscribe_to_all()
}

/// Rooms with some 25 KB of history each.
async fn fill_rooms(dialogue: &Dialogue, count: usize) {
    for number in 0..count {
        let room = dialogue
            .create_room(archive(format!("room-{number}")))
            .await
            .expect("a room");
        let text = "x".repeat(25_000);
        room.trigger(Archived { text }).await.expect("a delivery");
    }
}

/// Reads `count` replies of this type, and nothing else but events.
async fn receive_all(peer: &mut Peer, wanted: &str, count: usize) {
    for _ in 0..count {
        match peer.receive().await {
            Some(PeerFrame::Text(frame)) => assert_eq!(frame["type"], wanted, "{}", frame["code"]),
            other => panic!("{other:?} instead of `{wanted}`"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_the_server_puts_into_rooms_with_much_history_receives_it_as_it_reads() {
    const ROOMS: usize = 60;
    let dialogue = Dialogue::builder()
        .define_events([])
        .on_connected(|client| async move {
            for number in 0..ROOMS {
                client.join(format!("room-{number}").as_str()).await?;
            }
            Ok(())
        })
        .define_events([])
        .build()
        .expect("a server");
    fill_rooms(&dialogue, ROOMS).await;
    let mut peer = Peer::connect(&dialogue, 10_000).await;
    peer.receive_type("connected").await;
    settle().await;
    receive_all(&mut peer, "joined", ROOMS).await;
}

#[tokio::test(start_paused = true)]
async fn joins_of_the_server_at_the_same_time_wait_for_each_others_replies() {
    const ROOMS: usize = 60;
    let dialogue = Dialogue::builder()
        .define_events([])
        .on_connected(|client| async move {
            let join = async |number: usize| client.join(format!("room-{number}").as_str()).await;
            for joined in join_all((0..ROOMS).map(join)).await {
                joined?;
            }
            Ok(())
        })
        .define_events([])
        .build()
        .expect("a server");
    fill_rooms(&dialogue, ROOMS).await;
    let mut peer = Peer::connect(&dialogue, 10_000).await;
    peer.receive_type("connected").await;
    settle().await;
    receive_all(&mut peer, "joined", ROOMS).await;
}

#[tokio::test(start_paused = true)]
async fn a_hook_of_a_client_that_reads_slowly_does_not_time_out_while_it_waits_for_the_client() {
    const ROOMS: usize = 60;
    let dialogue = Dialogue::builder()
        .define_events([])
        .on_connected(|client| async move {
            for number in 0..ROOMS {
                client.join(format!("room-{number}").as_str()).await?;
            }
            Ok(())
        })
        .define_events([])
        .build()
        .expect("a server");
    fill_rooms(&dialogue, ROOMS).await;
    let mut peer = Peer::connect(&dialogue, 10_000).await;
    peer.receive_type("connected").await;
    for _ in 0..ROOMS {
        // All replies together take far longer than a hook may take.
        tokio::time::sleep(Duration::from_secs(1)).await;
        receive_all(&mut peer, "joined", 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_of_the_server_that_waits_for_a_client_ends_with_the_client() {
    const ROOMS: usize = 60;
    let ended = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ended);
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    fill_rooms(&dialogue, ROOMS).await;
    let mut peer = Peer::connect(&dialogue, 10_000).await;
    peer.receive_type("connected").await;
    let client = dialogue.here().clients().remove(0);
    tokio::spawn(async move {
        for number in 0..ROOMS {
            let _ = client.join(format!("room-{number}").as_str()).await;
        }
        count.fetch_add(1, Ordering::Relaxed);
    });
    settle().await;
    drop(peer);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ended.load(Ordering::Relaxed), 1);
}

/// A server with eight rooms that `on_connected` joins. Each `on_joined` takes longer than it may.
async fn stalled() -> Dialogue {
    let dialogue = Dialogue::builder()
        .define_events([])
        .on_connected(|client| async move {
            for number in 0..8 {
                client.join(format!("room-{number}").as_str()).await?;
            }
            Ok(())
        })
        .on_joined(|_, _, _| std::future::pending::<()>())
        .define_events([])
        .build()
        .expect("a server");
    for number in 0..9 {
        let config = RoomConfig::new(format!("room-{number}")).event::<Plenty>();
        dialogue.create_room(config).await.expect("a room");
    }
    dialogue
}

#[tokio::test(start_paused = true)]
#[ignore = "fails until A2"]
async fn a_ping_is_answered_while_hooks_run() {
    let dialogue = stalled().await;
    let mut peer = Peer::connect(&dialogue, 100_000).await;
    peer.receive_type("connected").await;
    let begun = Instant::now();
    // This join waits for its own `on_joined`.
    peer.send(&json!({ "type": "join", "roomId": "room-8" })).await;
    for id in 0..3 {
        peer.send(&json!({ "type": "ping", "id": id })).await;
        assert_eq!(peer.receive_type("pong").await["id"], id);
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
#[ignore = "fails until A2"]
async fn a_ping_is_answered_while_on_connected_runs() {
    let dialogue = Dialogue::builder()
        .define_events([])
        .on_connected(|_| std::future::pending::<()>())
        .define_events([])
        .build()
        .expect("a server");
    let mut peer = Peer::connect(&dialogue, 100_000).await;
    peer.receive_type("connected").await;
    let begun = Instant::now();
    peer.send(&json!({ "type": "ping", "id": 1 })).await;
    peer.receive_type("pong").await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
#[ignore = "fails until A2"]
async fn a_command_does_not_wait_for_the_hooks_of_other_rooms() {
    let dialogue = stalled().await;
    let mut peer = Peer::connect(&dialogue, 100_000).await;
    peer.receive_type("connected").await;
    let begun = Instant::now();
    peer.send(&json!({ "type": "join", "id": 1, "roomId": "room-8" })).await;
    peer.send(&json!({ "type": "leave", "id": 2, "roomId": "room-8" }))
        .await;
    peer.send(&json!({ "type": "trigger", "id": 3, "roomId": "room-1", "event": "plenty", "data": { "number": 1 } }))
        .await;
    peer.receive_type("ok").await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn other_commands_keep_their_order_while_a_hook_runs() {
    let dialogue = Dialogue::builder()
        .define_events([])
        .before_join(|_, _| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        })
        .define_events([])
        .build()
        .expect("a server");
    dialogue.create_room(RoomConfig::new("room")).await.expect("a room");
    let mut peer = Peer::connect(&dialogue, 100_000).await;
    peer.receive_type("connected").await;
    for id in 0..30 {
        let kind = ["join", "leave", "listRooms"][id % 3];
        peer.send(&json!({ "type": kind, "id": id, "roomId": "room" })).await;
        if id % 7 == 0 {
            peer.send(&json!({ "type": "ping" })).await;
        }
    }
    let mut replies = Vec::new();
    while replies.len() < 30 {
        match peer.receive().await {
            Some(PeerFrame::Text(reply)) if reply["type"] == "pong" => {}
            Some(PeerFrame::Text(reply)) => replies.push(reply["id"].as_u64().expect("an id")),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(replies, (0..30).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_client_behind_a_stalled_hook_fills_no_more_than_the_bound() {
    let dialogue = stalled().await;
    let pipe = 1_000;
    let mut peer = Peer::connect(&dialogue, pipe).await;
    peer.receive_type("connected").await;
    peer.send(&json!({ "type": "join", "roomId": "room-8" })).await;
    let frame = |text: &str| {
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend((text.len() as u16).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        frame
    };
    let long = format!(
        r#"{{"type":"leave","roomId":"room","ignored":"{}"}}"#,
        "x".repeat(8_000)
    );
    // Two messages, and what the reader and the pipe hold.
    let bound = 2 * dialogue.core.limits.message_bytes + 3 * pipe + 20_000;
    let sent = peer.send_what_fits(&frame(&long).repeat(100)).await;
    assert!(sent < bound, "{sent} bytes");
}

#[tokio::test(start_paused = true)]
async fn commands_that_wait_run_even_if_the_client_closes_the_connection() {
    let dialogue = Dialogue::builder()
        .define_events([])
        .before_join(|_, _| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        })
        .define_events([])
        .build()
        .expect("a server");
    let config = RoomConfig::new("room").event::<Plenty>();
    let room = dialogue.create_room(config).await.expect("a room");
    let mut numbers = room.stream::<Plenty>();
    let mut peer = Peer::connect(&dialogue, 100_000).await;
    peer.receive_type("connected").await;
    peer.send(&json!({ "type": "join", "roomId": "room" })).await;
    for number in 0..3 {
        peer.send(&json!({ "type": "trigger", "roomId": "room", "event": "plenty", "data": { "number": number } }))
            .await;
    }
    peer.send_close().await;
    for number in 0..3 {
        let event = numbers.next().await.expect("an event").expect("data");
        assert_eq!(event.data.number, number);
    }
    assert_eq!(peer.receive_close().await, 1005);
}
