//! When a session ends: at its expiry, whatever goes on, and by the latest word on when that is.

use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::time::Instant;

use super::peer::Peer;
use crate::{Builder, Dialogue, Identity, RoomConfig};

const FIRST: Duration = Duration::from_secs(60);

/// Sessions that last a minute; those that a later `connect` renews, as many seconds as that says.
fn signing_in() -> Builder {
    Dialogue::builder().authenticate(|handshake| async move {
        let lasts = handshake.auth["seconds"].as_u64().map_or(FIRST, Duration::from_secs);
        Ok(Identity::user("ada").expires_at(SystemTime::now() + lasts))
    })
}

/// Reads to the close, and tells its code and after how long it came.
async fn end(peer: &mut Peer) -> (u16, Duration) {
    let from = Instant::now();
    (peer.receive_close().await, from.elapsed())
}

/// About this long: the wall clock, by which expiries are given, is not paused.
fn is_about(took: Duration, expected: Duration) -> bool {
    took.abs_diff(expected) < Duration::from_secs(2)
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_at_its_expiry_while_on_connected_runs() {
    let limits = crate::Limits {
        hook_deadline: FIRST * 10,
        ..Default::default()
    };
    let dialogue = signing_in()
        .limits(limits)
        .on_connected(|_| std::future::pending::<()>())
        .build()
        .expect("a server");
    let mut peer = Peer::connect(&dialogue, 4096).await;
    let (code, took) = end(&mut peer).await;
    assert_eq!(code, 4001);
    assert!(is_about(took, FIRST), "{took:?}");
}

/// A member of a room whose `before_join` takes three minutes from the second time on, and so does a renewal.
async fn member() -> Peer {
    let limits = crate::Limits {
        hook_deadline: FIRST * 10,
        ..Default::default()
    };
    let dialogue = signing_in()
        .limits(limits)
        .before_join(|client, _| async move {
            if !client.rooms().is_empty() {
                tokio::time::sleep(FIRST * 3).await;
            }
            Ok(())
        })
        .build()
        .expect("a server");
    dialogue.create_room(RoomConfig::new("room")).await.expect("a room");
    let mut peer = Peer::connect(&dialogue, 4096).await;
    peer.send(&json!({ "type": "join", "roomId": "room" })).await;
    peer.receive_type("joined").await;
    peer
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_renewed_outlives_its_first_expiry_while_its_rooms_are_asked_for() {
    let mut peer = member().await;
    peer.send(&json!({ "type": "connect", "protocol": 1, "auth": { "seconds": 3600 } }))
        .await;
    let renewed = loop {
        let connected = peer.receive_type("connected").await;
        if connected["expiresIn"].as_u64() > Some(120_000) {
            break connected;
        }
    };
    assert_eq!(renewed["userId"], "ada");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_cut_short_ends_then_while_its_rooms_are_asked_for() {
    let mut peer = member().await;
    peer.send(&json!({ "type": "connect", "protocol": 1, "auth": { "seconds": 20 } }))
        .await;
    let (code, took) = end(&mut peer).await;
    assert_eq!(code, 4001);
    assert!(is_about(took, Duration::from_secs(20)), "{took:?}");
}
