//! A session ends when it expires, no matter what is running. The latest renewal decides when that is.

use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::time::Instant;

use super::peer::Peer;
use crate::{Builder, Dialogue, Identity, RoomConfig};

const FIRST: Duration = Duration::from_secs(60);

/// Sessions that expire after a minute. A later `connect` renews them for the number of seconds in its `auth`.
fn signing_in() -> Builder {
    Dialogue::builder()
        .define_events([])
        .authenticate(|handshake| async move {
            let lasts = handshake.auth["seconds"].as_u64().map_or(FIRST, Duration::from_secs);
            Ok(Identity::user("ada").with_expiry(SystemTime::now() + lasts))
        })
}

/// Reads up to the close. Returns its code, and how long it took to arrive.
async fn end(peer: &mut Peer) -> (u16, Duration) {
    let from = Instant::now();
    (peer.receive_close().await, from.elapsed())
}

/// Whether `took` is about as long as expected. Expiry times use the wall clock, which is not paused.
fn is_about(took: Duration, expected: Duration) -> bool {
    took.abs_diff(expected) < Duration::from_secs(2)
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_it_expires_while_on_connected_runs() {
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

/// A member of a room. Its `before_join` takes three minutes from the second call on, and so does a renewal.
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
async fn a_renewed_session_outlives_its_first_expiry_while_before_join_runs() {
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
async fn a_shortened_session_ends_early_while_before_join_runs() {
    let mut peer = member().await;
    peer.send(&json!({ "type": "connect", "protocol": 1, "auth": { "seconds": 20 } }))
        .await;
    let (code, took) = end(&mut peer).await;
    assert_eq!(code, 4001);
    assert!(is_about(took, Duration::from_secs(20)), "{took:?}");
}
