//! Cases in which one thing that waits could keep another from going on: replies, places, hooks that are dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::time::{Instant, timeout};

use super::peer::{Peer, PeerFrame};
use super::*;
use crate::{Limits, RoomConfig};

/// Panics when a hook that holds it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("in the drop");
        }
    }
}

fn silent(limits: Limits) -> Limits {
    limits.with_ping_interval(Duration::from_secs(86_400))
}

async fn room(dialogue: &Dialogue, id: &str) {
    let config = RoomConfig::new(id).event::<Archived>().subscribe_to_all();
    dialogue.create_room(config).await.expect("a room");
}

#[tokio::test(start_paused = true)]
async fn a_page_of_history_and_a_join_of_the_server_do_not_wait_for_each_other() {
    let dialogue = Dialogue::builder()
        .define_events([])
        .limits(silent(Limits::default()).with_reply_bytes_per_user(1))
        .load_history(|_| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(Vec::new())
        })
        .build()
        .expect("a server");
    room(&dialogue, "one").await;
    room(&dialogue, "two").await;
    let mut peer = Peer::connect(&dialogue, 100_000).await;
    peer.send(&json!({ "type": "join", "roomId": "one" })).await;
    peer.receive_type("joined").await;
    let page = json!({ "type": "history", "id": 1, "roomId": "one", "event": "archived", "before": 1, "limit": 5 });
    peer.send(&page).await;
    settle().await;
    let client = dialogue.here().clients().remove(0);
    let join = tokio::spawn(async move { client.join("two").await.map(drop) });
    timeout(Duration::from_secs(10), peer.receive_type("history"))
        .await
        .expect("a page");
    timeout(Duration::from_secs(10), peer.receive_type("joined"))
        .await
        .expect("a reply");
    join.await.expect("no panic").expect("a seat");
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_whose_hook_hangs_takes_no_place() {
    for closes in [true, false] {
        let dialogue = Dialogue::builder()
            .define_events([])
            .authenticate(|_| async { Ok(Identity::user("ada")) })
            .before_join(|_, _| async {
                tokio::time::sleep(Duration::from_secs(4)).await;
                Ok(())
            })
            .limits(silent(Limits::default()).with_connections_per_user(1))
            .build()
            .expect("a server");
        room(&dialogue, "one").await;
        let mut ghost = Peer::connect(&dialogue, 100_000).await;
        ghost.receive_type("connected").await;
        for _ in 0..5 {
            ghost.send(&json!({ "type": "join", "roomId": "one" })).await;
            ghost.send(&json!({ "type": "leave", "roomId": "one" })).await;
        }
        if closes {
            ghost.send_close().await;
        } else {
            ghost.end_of_input().await;
        }
        settle().await;
        let mut next = Peer::connect(&dialogue, 100_000).await;
        match next.receive().await {
            Some(PeerFrame::Text(frame)) => assert_eq!(frame["type"], "connected"),
            other => panic!("{other:?} (closes: {closes})"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_keeps_to_its_rate_is_never_refused_after_slow_hooks() {
    let dialogue = Dialogue::builder()
        .define_events([])
        .before_join(|_, _| async {
            tokio::time::sleep(Duration::from_millis(4_900)).await;
            Ok(())
        })
        .limits(silent(Limits::default()))
        .build()
        .expect("a server");
    room(&dialogue, "one").await;
    let mut peer = Peer::connect(&dialogue, 1_000_000).await;
    peer.receive_type("connected").await;
    let mut id = 0;
    for round in 0..4 {
        peer.send(&json!({ "type": "join", "id": 10_000 + round, "roomId": "one" }))
            .await;
        peer.send(&json!({ "type": "leave", "id": 20_000 + round, "roomId": "one" }))
            .await;
        // 45 frames a second, of which a third are pings.
        for at in 0..600 {
            id += 1;
            let kind = if at % 3 == 0 { "ping" } else { "listRooms" };
            peer.send(&json!({ "type": kind, "id": id })).await;
            tokio::time::sleep(Duration::from_micros(22_222)).await;
        }
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    let mut replies = 0;
    for frame in peer.drain().await {
        match frame {
            PeerFrame::Text(frame) => {
                assert_ne!(frame["type"], "error", "{frame}");
                replies += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(replies, 4 * 602);
}

#[tokio::test(start_paused = true)]
async fn hooks_that_panic_when_they_are_dropped_leave_no_ghost() {
    let hang = || async {
        let _bomb = Bomb;
        std::future::pending::<()>().await;
    };
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let dialogue = Dialogue::builder()
        .define_events([])
        .authenticate(|_| async { Ok(Identity::user("ada")) })
        .before_join(move |_, _| {
            let first = count.fetch_add(1, Ordering::SeqCst) < 2;
            async move {
                if !first {
                    let _bomb = Bomb;
                    std::future::pending::<()>().await;
                }
                Ok(())
            }
        })
        .on_joined(move |_, _, _| hang())
        .on_left(move |_, _, _| hang())
        .on_disconnected(move |_, _| hang())
        .limits(silent(Limits::default()))
        .build()
        .expect("a server");
    room(&dialogue, "one").await;
    room(&dialogue, "two").await;
    let mut peer = Peer::connect(&dialogue, 100_000).await;
    peer.receive_type("connected").await;
    for room in ["one", "two"] {
        peer.send(&json!({ "type": "join", "roomId": room })).await;
        peer.receive_type("joined").await;
    }
    // The second renewal drops the checks of the first.
    for _ in 0..3 {
        peer.send(&json!({ "type": "connect", "protocol": 1 })).await;
        peer.receive_type("connected").await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert!(dialogue.here().is_in_room("ada", "one"));
    drop(peer);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(dialogue.here().clients().len(), 0);
    assert_eq!(dialogue.core.lifecycle.tasks.len(), 0);
    assert!(!dialogue.here().is_in_room("ada", "one"));
    dialogue.stop().await.expect("a drain");
}

#[tokio::test(start_paused = true)]
async fn hooks_about_the_end_may_join_rooms() {
    let outcomes = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let (left, gone) = (Arc::clone(&outcomes), Arc::clone(&outcomes));
    let dialogue = Dialogue::builder()
        .define_events([])
        .on_left(move |client, _, _| {
            let outcomes = Arc::clone(&left);
            async move {
                let joined = client.join("two").await.is_ok();
                outcomes.lock().push(("left", joined));
            }
        })
        .on_disconnected(move |client, _| {
            let outcomes = Arc::clone(&gone);
            async move {
                let joined = client.join("three").await.is_ok();
                outcomes.lock().push(("disconnected", joined));
            }
        })
        .limits(silent(Limits::default()))
        .build()
        .expect("a server");
    for id in ["one", "two", "three"] {
        room(&dialogue, id).await;
    }
    let mut peer = Peer::connect(&dialogue, 100_000).await;
    peer.send(&json!({ "type": "join", "roomId": "one" })).await;
    peer.send(&json!({ "type": "leave", "roomId": "one" })).await;
    peer.receive_type("left").await;
    assert_eq!(peer.receive_type("joined").await["roomId"], "two");
    drop(peer);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(
        *outcomes.lock(),
        [("left", true), ("disconnected", false), ("left", false)]
    );
    assert_eq!(dialogue.here().clients().len(), 0);
    assert_eq!(dialogue.core.lifecycle.tasks.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_with_the_highest_limits_serves_clients() {
    let max = usize::MAX;
    let limits = Limits {
        message_bytes: max,
        queue_frames: max,
        queue_bytes: max,
        reply_bytes_per_user: max,
        header_bytes: max,
        handler_queue: max,
        handler_depth: max,
        rooms_per_client: max,
        subscriptions_per_client: max,
        max_rooms: max,
        on_demand_rooms_per_user: max,
        inbound_frames: max,
        connections_per_user: Some(max),
        connections_per_address: Some(max),
        history_bytes: max,
        history_page_events: max,
        history_page_bytes: max - 1,
        replay_events: max,
        replay_bytes: max - 1,
        room_page: max,
        keys: max,
        keys_per_user: max,
        ..Limits::default()
    };
    let dialogue = Dialogue::builder()
        .define_events([])
        .limits(limits)
        .build()
        .expect("a server");
    room(&dialogue, "one").await;
    let mut peer = Peer::connect(&dialogue, 100_000).await;
    peer.send(&json!({ "type": "join", "roomId": "one" })).await;
    timeout(Duration::from_secs(60), peer.receive_type("joined"))
        .await
        .expect("a seat");
    let trigger = json!({ "type": "trigger", "id": 1, "roomId": "one", "event": "archived", "key": "k", "data": { "text": "x" } });
    peer.send(&trigger).await;
    timeout(Duration::from_secs(60), peer.receive_type("ok"))
        .await
        .expect("a reply");
    let begun = Instant::now();
    peer.send(&json!({ "type": "listRooms", "id": 1 })).await;
    timeout(Duration::from_secs(60), peer.receive_type("rooms"))
        .await
        .expect("a page");
    assert!(begun.elapsed() < Duration::from_secs(1));
}
