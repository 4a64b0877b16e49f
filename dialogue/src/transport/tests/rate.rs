//! The rate of a client's frames while a long command runs and the server reads nothing.

use serde_json::{Value, json};

use super::peer::{Peer, PeerFrame};
use super::*;
use crate::{Limits, RoomConfig};

/// How long `before_join` takes.
const STALL: Duration = Duration::from_secs(20);

const WINDOW: Duration = Duration::from_secs(4);

const PER_WINDOW: usize = 10;

/// A server with a room whose `before_join` takes a long time.
async fn server() -> Dialogue {
    let dialogue = Dialogue::builder()
        .define_events([])
        .limits(Limits {
            inbound_frames: PER_WINDOW,
            inbound_window: WINDOW,
            hook_deadline: 2 * STALL,
            ..Limits::default()
        })
        .before_join(|_, _| async {
            tokio::time::sleep(STALL).await;
            Ok(())
        })
        .build()
        .expect("a server");
    dialogue.create_room(RoomConfig::new("room")).await.expect("a room");
    dialogue
}

/// A client that has just sent a `join` for that room.
async fn joining(mut peer: Peer) -> Peer {
    peer.receive_type("connected").await;
    tokio::time::sleep(WINDOW).await;
    peer.send(&json!({ "type": "join", "id": 0, "roomId": "room" })).await;
    peer
}

fn ping(id: usize) -> Value {
    json!({ "type": "ping", "id": id })
}

/// Sends at the allowed rate from the beginning of the command to long after its end. Asserts that no frame is rejected.
async fn keeps_to_the_rate(mut peer: Peer) {
    let apart = WINDOW / PER_WINDOW as u32;
    let count = 3 * STALL.as_millis() / apart.as_millis() / 2;
    for id in 1..=count as usize {
        tokio::time::sleep(apart).await;
        peer.send(&json!({ "type": "listRooms", "id": id })).await;
    }
    for id in 0..=count as usize {
        match peer.receive().await {
            Some(PeerFrame::Text(reply)) => {
                assert_eq!(reply["id"], id, "{reply}");
                assert_ne!(reply["type"], "error", "{reply}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn accepts_every_frame_within_the_rate_while_a_command_runs() {
    let peer = Peer::connect(&server().await, 1_000_000).await;
    keeps_to_the_rate(joining(peer).await).await;
}

#[tokio::test(start_paused = true)]
async fn accepts_every_frame_within_the_rate_that_the_network_delayed() {
    // Frames from a distant client have not all arrived when the command is done. The server waits for them again and
    // again.
    let peer = Peer::connect_from_afar(&server().await, 100).await;
    keeps_to_the_rate(joining(peer).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_floods_while_a_command_runs_gets_no_more_than_its_rate_and_is_closed() {
    let mut peer = joining(Peer::connect(&server().await, 1_000_000).await).await;
    // The command itself counts in the first window.
    let windows = STALL.as_secs() / WINDOW.as_secs() + 1;
    let due = PER_WINDOW * windows as usize - 1;
    for id in 1..=due + PER_WINDOW {
        peer.send(&ping(id)).await;
    }
    let (mut pongs, mut refused) = (0, 0);
    while pongs + refused < due + PER_WINDOW {
        match peer.receive().await {
            Some(PeerFrame::Text(reply)) if reply["type"] == "pong" => pongs += 1,
            Some(PeerFrame::Text(reply)) if reply["code"] == "RATE_LIMITED" => refused += 1,
            Some(PeerFrame::Text(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((pongs, refused), (due, PER_WINDOW));
    peer.send(&ping(0)).await;
    assert_eq!(peer.receive_close().await, 4503);
}
