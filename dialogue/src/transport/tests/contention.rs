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

#[tokio::test(start_paused = true)]
async fn renewals_that_overlap_end_with_the_newest_answer() {
    let answers = Arc::new(parking_lot::Mutex::new(std::collections::HashMap::new()));
    let asked = Arc::clone(&answers);
    let dialogue = Dialogue::builder()
        .define_events([])
        .authenticate(|handshake| async move {
            if handshake.auth["slow"] == true {
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
            if handshake.auth["fails"] == true {
                return Err("no database".into());
            }
            Ok(Identity::user("ada"))
        })
        .before_join(move |_, room| {
            let answer = asked.lock().get(room.id().as_str()).copied().unwrap_or("agrees");
            async move {
                match answer {
                    "agrees" => Ok(()),
                    "refuses" => refuse("no"),
                    "hangs" => std::future::pending().await,
                    _ => Err("no database".into()),
                }
            }
        })
        .limits(silent(Limits::default()))
        .build()
        .expect("a server");
    let mut peer = Peer::new_as(&dialogue, json!({})).await;
    for id in ["one", "two", "three"] {
        room(&dialogue, id).await;
        peer.send(&json!({ "type": "join", "roomId": id })).await;
        peer.receive_type("joined").await;
    }
    *answers.lock() = [("one", "fails"), ("two", "hangs"), ("three", "refuses")].into();
    let renew = |auth| json!({ "type": "connect", "id": 5, "protocol": 1, "auth": auth });
    peer.send(&renew(json!({}))).await;
    peer.receive_type("connected").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // This renewal takes its time, and the check of the first one decides meanwhile.
    for _ in 0..3 {
        peer.send(&renew(json!({ "slow": true }))).await;
    }
    assert_eq!(peer.receive_type("connected").await["type"], "connected");
    peer.receive_type("connected").await;
    peer.receive_type("connected").await;
    // The rooms are checked in any order.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(!dialogue.here().is_in_room("ada", "three"));
    peer.drain().await;
    // A renewal that fails ends neither the session nor the checks.
    peer.send(&renew(json!({ "fails": true }))).await;
    assert_eq!(peer.receive_type("error").await["code"], "UNAVAILABLE");
    answers.lock().insert("one", "refuses");
    assert_eq!(peer.receive_type("left").await["roomId"], "one");
    assert!(dialogue.here().is_in_room("ada", "two"));
    answers.lock().insert("two", "agrees");
    tokio::time::sleep(Duration::from_secs(130)).await;
    assert!(dialogue.here().is_in_room("ada", "two"));
    assert_eq!(dialogue.core.lifecycle.tasks.len(), 1, "only the connection");
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_fails_uses_up_no_resume_secret() {
    let fails = Arc::new(AtomicUsize::new(0));
    let failing = Arc::clone(&fails);
    let dialogue = Dialogue::builder()
        .define_events([])
        .authenticate(move |_| {
            let fails = failing.load(Ordering::SeqCst);
            async move {
                match fails {
                    0 => Ok(Identity::anonymous()),
                    1 => Err("no database".into()),
                    2 => panic!("a bug"),
                    _ => std::future::pending().await,
                }
            }
        })
        .limits(silent(Limits::default()))
        .build()
        .expect("a server");
    let mut first = Peer::connect(&dialogue, 100_000).await;
    let connected = first.receive_type("connected").await;
    let resume = connected["resume"].as_str();
    for kind in 1..=3 {
        fails.store(kind, Ordering::SeqCst);
        let mut failing = Peer::connect_again(&dialogue, 100_000, resume).await;
        let error = failing.receive_type("error").await;
        assert_eq!(error["code"], "UNAVAILABLE");
        assert_eq!(failing.receive_close().await, 4003);
        // The first connection is still there.
        first.send(&json!({ "type": "ping", "id": 1 })).await;
        first.receive_type("pong").await;
    }
    drop(first);
    settle().await;
    fails.store(0, Ordering::SeqCst);
    let mut again = Peer::connect_again(&dialogue, 100_000, resume).await;
    assert_eq!(again.receive_type("connected").await["userId"], connected["userId"]);
}

#[tokio::test(start_paused = true)]
async fn whatever_waits_behind_a_hook_ends_with_the_session() {
    let delivered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&delivered);
    let dialogue = Dialogue::builder()
        .define_events([])
        .authenticate(|_| async {
            Ok(Identity::user("ada").with_expiry(std::time::SystemTime::now() + Duration::from_secs(2)))
        })
        .before_join(|_, _| std::future::pending::<Result<(), HookError>>())
        .after_each(move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
        .limits(silent(Limits::default()))
        .build()
        .expect("a server");
    room(&dialogue, "one").await;
    let mut peer = Peer::connect(&dialogue, 1_000_000).await;
    peer.receive_type("connected").await;
    peer.send(&json!({ "type": "join", "roomId": "one" })).await;
    for id in 0..400 {
        let trigger =
            json!({ "type": "trigger", "id": id, "roomId": "one", "event": "archived", "data": { "text": "x" } });
        peer.send(&trigger).await;
    }
    assert_eq!(peer.receive_close().await, 4001);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(delivered.load(Ordering::SeqCst), 0);
    assert_eq!(dialogue.core.lifecycle.tasks.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_behind_a_hook_is_bounded_and_answered_within_the_rate() {
    let dialogue = Dialogue::builder()
        .define_events([])
        .before_join(|_, _| async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(())
        })
        .limits(silent(Limits::default()))
        .build()
        .expect("a server");
    room(&dialogue, "one").await;
    let mut peer = Peer::connect(&dialogue, 1_000_000).await;
    peer.receive_type("connected").await;
    peer.send(&json!({ "type": "join", "roomId": "one" })).await;
    for id in 0..2_000 {
        peer.send(&json!({ "type": "ping", "id": id })).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let pongs = peer.drain().await.len();
    assert_eq!(pongs, 200);
    assert_eq!(peer.receive_close().await, 4503);
}

#[tokio::test(start_paused = true)]
async fn one_client_that_stops_reading_delays_its_holder_only_until_the_write_deadline() {
    let limits = silent(Limits::default()).with_reply_bytes_per_user(1_000_000);
    let dialogue = Dialogue::builder()
        .define_events([])
        .limits(limits)
        .build()
        .expect("a server");
    for number in 0..8 {
        let config = RoomConfig::new(format!("room-{number}"))
            .event::<Archived>()
            .sync_history_on_join(crate::room::SyncHistory::All)
            .subscribe_to_all();
        let room = dialogue.create_room(config).await.expect("a room");
        let text = "x".repeat(200_000);
        room.trigger(Archived { text }).await.expect("a delivery");
    }
    // They share an address.
    let mut stalled = Peer::connect_from(&dialogue, "10.0.0.1").await;
    let mut other = Peer::connect_from(&dialogue, "10.0.0.1").await;
    for number in 0..8 {
        stalled
            .send(&json!({ "type": "join", "roomId": format!("room-{number}") }))
            .await;
    }
    settle().await;
    let begun = Instant::now();
    for number in 0..8 {
        other
            .send(&json!({ "type": "join", "roomId": format!("room-{number}") }))
            .await;
        other.receive_type("joined").await;
    }
    assert!(begun.elapsed() < Duration::from_secs(11), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_again_and_again_leaves_a_bounded_record() {
    let limits = silent(Limits::default()).with_rooms_per_client(3);
    let dialogue = Dialogue::builder()
        .define_events([])
        .limits(limits)
        .build()
        .expect("a server");
    let mut resume = None;
    for round in 0..10 {
        let mut peer = Peer::connect_again(&dialogue, 100_000, resume.as_deref()).await;
        resume = peer.receive_type("connected").await["resume"]
            .as_str()
            .map(str::to_owned);
        for number in 0..3 {
            let id = format!("room-{round}-{number}");
            room(&dialogue, &id).await;
            peer.send(&json!({ "type": "join", "roomId": id })).await;
            peer.receive_type("joined").await;
        }
        if round % 2 == 0 {
            drop(peer);
            settle().await;
        }
    }
    let mut peer = Peer::connect_again(&dialogue, 100_000, resume.as_deref()).await;
    peer.receive_type("connected").await;
    let client = dialogue.core.clients.all().remove(0);
    let former = client.membership.lock().take_former();
    assert!(former.len() <= 3, "{} rooms", former.len());
    assert!(former.iter().all(|room| room.starts_with("room-9-")), "{former:?}");
}

#[tokio::test(start_paused = true)]
async fn two_ghosts_make_room_for_two_connections_at_once() {
    let limits = silent(Limits::default()).with_connections_per_user(2);
    let dialogue = Dialogue::builder()
        .define_events([])
        .authenticate(|_| async { Ok(Identity::user("ada")) })
        .limits(limits)
        .build()
        .expect("a server");
    let mut ghosts = Vec::new();
    for _ in 0..2 {
        let mut ghost = Peer::connect(&dialogue, 100_000).await;
        ghost.receive_type("connected").await;
        ghosts.push(ghost);
    }
    let next = async || {
        let mut peer = Peer::connect(&dialogue, 100_000).await;
        peer.receive_type("connected").await;
        peer
    };
    let _both = tokio::join!(next(), next());
    settle().await;
    assert_eq!(dialogue.here().clients().len(), 2);
}
