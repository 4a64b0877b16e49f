//! No party can block another: neither a slow hook, nor a full queue, nor a greedy client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::Instant;

use super::peer::{Peer, PeerFrame};
use super::*;
use crate::room::SyncHistory;
use crate::{Limits, RoomConfig};

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
async fn receive_all(peer: &mut Peer, wanted: &str, mut count: usize) {
    while count > 0 {
        count -= 1;
        match peer.receive().await {
            Some(PeerFrame::Text(frame)) => assert_eq!(frame["type"], wanted, "{}", frame["code"]),
            Some(PeerFrame::Ping) => count += 1,
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
    let dialogue = Dialogue::builder()
        .define_events([])
        .before_join(|_, _| std::future::pending::<Result<(), HookError>>())
        .build()
        .expect("a server");
    dialogue.create_room(RoomConfig::new("room")).await.expect("a room");
    let pipe = 1_000;
    let mut peer = Peer::connect(&dialogue, pipe).await;
    peer.receive_type("connected").await;
    peer.send(&json!({ "type": "join", "roomId": "room" })).await;
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

#[tokio::test]
async fn a_loop_of_triggers_lets_readers_keep_up() {
    const EVENTS: u64 = 3_000;
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let config = RoomConfig::new("room").event::<Plenty>().subscribe_to_all();
    let room = dialogue.create_room(config).await.expect("a room");
    let mut peer = Peer::connect(&dialogue, 1 << 20).await;
    peer.send(&json!({ "type": "join", "roomId": "room" })).await;
    peer.receive_type("joined").await;
    let reader = tokio::spawn(async move {
        for number in 0..EVENTS {
            assert_eq!(peer.receive_type("event").await["data"]["number"], number);
        }
    });
    for number in 0..EVENTS {
        room.trigger(Plenty { number }).await.expect("a delivery");
    }
    reader.await.expect("every event");
}

#[tokio::test]
async fn a_loop_of_broadcasts_lets_readers_keep_up() {
    const EVENTS: u64 = 3_000;
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let mut peer = Peer::connect(&dialogue, 1 << 20).await;
    peer.receive_type("connected").await;
    let reader = tokio::spawn(async move {
        for number in 0..EVENTS {
            assert_eq!(peer.receive_type("direct").await["data"]["number"], number);
        }
    });
    for number in 0..EVENTS {
        dialogue.broadcast(Plenty { number }).await.expect("a delivery");
    }
    reader.await.expect("every event");
}

rooms! {
    /// The rooms of these tests.
    Rooms;

    /// Created when a client joins it.
    Lobby { number: u64 } = "lobby-{number}" { name: "Lobby", events: [Plenty], on_demand: true }

    /// Created by clients.
    Table { number: u64 } = "table-{number}" { name: "Table", events: [Plenty], client_created: 3 }
}

/// Sends a request, and returns the type of the reply, or the code of the error.
async fn outcome(peer: &mut Peer, request: serde_json::Value) -> String {
    peer.send(&request).await;
    loop {
        match peer.receive().await {
            Some(PeerFrame::Text(reply)) if reply["id"] == request["id"] => {
                let outcome = reply["code"].as_str().or(reply["type"].as_str());
                return outcome.expect("a reply").to_owned();
            }
            Some(_) => {}
            None => panic!("the connection ended"),
        }
    }
}

async fn join_lobby(peer: &mut Peer, number: u64) -> String {
    outcome(
        peer,
        json!({ "type": "join", "id": number, "roomId": format!("lobby-{number}") }),
    )
    .await
}

#[tokio::test(start_paused = true)]
async fn anonymous_users_of_one_address_leave_on_demand_rooms_for_others() {
    let limits = Limits {
        max_rooms: 20,
        on_demand_rooms_per_user: 5,
        ..Limits::default()
    };
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .limits(limits)
        .build()
        .expect("a server");
    let mut number = 0;
    for _ in 0..3 {
        let mut greedy = Peer::connect_from(&dialogue, "10.0.0.1").await;
        for _ in 0..3 {
            number += 1;
            let expected = if number <= 5 { "joined" } else { "LIMIT_EXCEEDED" };
            assert_eq!(join_lobby(&mut greedy, number).await, expected, "{number}");
        }
    }
    let mut other = Peer::connect_from(&dialogue, "10.0.0.2").await;
    assert_eq!(join_lobby(&mut other, 100).await, "joined");
    assert_eq!(
        join_lobby(&mut other, 1).await,
        "joined",
        "a room that exists costs nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_place_for_an_on_demand_room_is_free_again_when_the_room_is_gone() {
    let limits = Limits {
        on_demand_rooms_per_user: 2,
        on_demand_idle: Duration::from_secs(1),
        ..Limits::default()
    };
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .limits(limits)
        .build()
        .expect("a server");
    let mut peer = Peer::connect_from(&dialogue, "10.0.0.1").await;
    for round in 0..3 {
        for number in 0..2 {
            assert_eq!(join_lobby(&mut peer, 10 * round + number).await, "joined");
        }
        assert_eq!(join_lobby(&mut peer, 10 * round + 2).await, "LIMIT_EXCEEDED");
        for number in 0..2 {
            let room_id = format!("lobby-{}", 10 * round + number);
            assert_eq!(
                outcome(&mut peer, json!({ "type": "leave", "id": 0, "roomId": room_id })).await,
                "left"
            );
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn clients_leave_a_tenth_of_the_rooms_to_the_server() {
    let limits = Limits {
        max_rooms: 20,
        ..Limits::default()
    };
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .limits(limits)
        .build()
        .expect("a server");
    let mut peer = Peer::connect_from(&dialogue, "10.0.0.1").await;
    for number in 0..18 {
        assert_eq!(join_lobby(&mut peer, number).await, "joined", "{number}");
    }
    assert_eq!(join_lobby(&mut peer, 18).await, "LIMIT_EXCEEDED");
    let create = json!({ "type": "createRoom", "id": 1, "room": { "id": "table-1" } });
    assert_eq!(outcome(&mut peer, create).await, "LIMIT_EXCEEDED");
    for number in 0..2 {
        dialogue.create_room(Table { number }).await.expect("a room");
    }
    assert!(dialogue.create_room(Table { number: 2 }).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn anonymous_users_of_one_address_share_the_quota_of_created_rooms() {
    let dialogue = Dialogue::builder().rooms::<Rooms>().build().expect("a server");
    for number in 0..6 {
        let mut peer = Peer::connect_from(&dialogue, "2001:db8::1").await;
        let create = json!({ "type": "createRoom", "id": 1, "room": { "id": format!("table-{number}") } });
        let expected = if number < 3 { "roomCreated" } else { "LIMIT_EXCEEDED" };
        assert_eq!(outcome(&mut peer, create).await, expected, "{number}");
    }
}

/// A server that knows every client as Ada.
fn of_ada(limits: Limits) -> Dialogue {
    Dialogue::builder()
        .define_events([])
        .authenticate(|_| async { Ok(Identity::user("ada")) })
        .limits(limits)
        .build()
        .expect("a server")
}

#[tokio::test(start_paused = true)]
async fn a_ghost_of_the_user_makes_room_for_its_next_connection() {
    let dialogue = of_ada(Limits::default().with_connections_per_user(1));
    let mut ghost = Peer::connect(&dialogue, 100_000).await;
    ghost.receive_type("connected").await;
    let begun = Instant::now();
    let mut next = Peer::connect(&dialogue, 100_000).await;
    next.receive_type("connected").await;
    assert_eq!(begun.elapsed().as_secs(), 5, "the ghost had time to answer");
    assert_eq!(ghost.receive_close().await, 1001);
}

#[tokio::test(start_paused = true)]
async fn a_user_whose_connections_all_answer_has_too_many() {
    let dialogue = of_ada(Limits::default().with_connections_per_user(1));
    let mut alive = Peer::connect(&dialogue, 100_000).await;
    alive.receive_type("connected").await;
    let mut next = Peer::connect(&dialogue, 100_000).await;
    assert_eq!(alive.receive().await, Some(PeerFrame::Ping));
    alive.send(&json!({ "type": "ping" })).await;
    assert_eq!(next.receive_close().await, 4502);
    alive.receive_type("pong").await;
}

#[tokio::test(start_paused = true)]
async fn a_ghost_of_the_user_gives_up_its_seat_in_a_full_room() {
    let dialogue = of_ada(Limits::default());
    dialogue
        .create_room(RoomConfig::new("room").max_size(1))
        .await
        .expect("a room");
    let join = json!({ "type": "join", "id": 1, "roomId": "room" });
    let mut ghost = Peer::connect(&dialogue, 100_000).await;
    assert_eq!(outcome(&mut ghost, join.clone()).await, "joined");
    let mut next = Peer::connect(&dialogue, 100_000).await;
    assert_eq!(outcome(&mut next, join.clone()).await, "joined");
    assert_eq!(ghost.receive_close().await, 1001);
}

#[tokio::test(start_paused = true)]
async fn a_successor_does_not_wait_for_all_hooks_of_its_predecessor() {
    let dialogue = stalled().await;
    let mut first = Peer::connect(&dialogue, 100_000).await;
    let resume = first.receive_type("connected").await["resume"].clone();
    let begun = Instant::now();
    let mut second = Peer::connect_again(&dialogue, 100_000, resume.as_str()).await;
    second.receive_type("connected").await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_long_message_over_a_slow_network_is_not_cut_off() {
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let mut peer = Peer::connect(&dialogue, 100_000).await;
    peer.receive_type("connected").await;
    let text = format!(r#"{{"type":"ping","id":1,"ignored":"{}"}}"#, "x".repeat(64_000));
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend((text.len() as u16).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    // 1 KiB a second: more than a minute in all.
    for part in frame.chunks(1024) {
        assert_eq!(peer.send_what_fits(part).await, part.len());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(peer.receive_type("pong").await["id"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_long_queue_slowly_is_not_cut_off_before_it_sees_the_ping() {
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let config = RoomConfig::new("room").event::<Bulk>().subscribe_to_all();
    let room = dialogue.create_room(config).await.expect("a room");
    let mut peer = Peer::connect(&dialogue, 1_000).await;
    peer.send(&json!({ "type": "join", "roomId": "room" })).await;
    peer.receive_type("joined").await;
    let text = "x".repeat(100_000);
    room.trigger(Bulk { text }).await.expect("a delivery");
    // 1 KB a second: longer than the ping interval and its timeout.
    for at in 1..=100 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        peer.read_up_to(1_000 * at).await;
    }
    assert_eq!(peer.receive_type("event").await["event"], "bulk");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_trickles_its_first_frame_has_the_connect_deadline() {
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let mut peer = Peer::open(&dialogue, 100_000);
    let begun = Instant::now();
    let trickle = async {
        for byte in [0x81, 0x80 | 100, 0, 0, 0, 0].into_iter().chain([b' '; 100]) {
            peer.send_what_fits(&[byte]).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(12), trickle).await;
    assert_eq!(peer.receive_close().await, 1008);
    assert!(begun.elapsed() < Duration::from_secs(13));
}
