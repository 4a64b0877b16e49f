//! Promise 6 under races: the seats of a room are exact, and `on_left` runs once for each `on_joined`. Meanwhile, clients
//! join, leave, and are disconnected, and rooms are deleted.
//!
//! These tests do not use loom or shuttle. Every change of a room's members is one critical section under the room's
//! lock, which never waits. Only whole sections can interleave, with the hooks between them. Both checkers would need
//! their own locks in place of those of `parking_lot` and tokio. The tests here reach the same interleavings by yielding
//! wherever the code can yield.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};

use super::peer::{Peer, PeerFrame};
use super::{Plenty, find_room, settle};
use crate::{Client, Dialogue, HookError, Limits, RoomConfig, RoomHandle, refuse};

/// Records which clients joined and left each incarnation of a room, as the hooks saw it.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<Visits>>);

#[derive(Debug, Default)]
struct Visits {
    /// How often each client has joined and left, by its id and the room's epoch.
    counts: BTreeMap<(String, String), (usize, usize)>,
    /// Violations. They are recorded because the server would contain a panic of the hook.
    faults: Vec<String>,
}

impl Ledger {
    fn joined(&self, client: &Client, room: &RoomHandle) {
        let mut visits = self.0.lock();
        if room.max_size().is_some_and(|max_size| room.here().size() > max_size) {
            visits.faults.push(format!("a member too many in {room:?}"));
        }
        let (joined, left) = visits.counts.entry(key(client, room)).or_default();
        *joined += 1;
        if *joined != *left + 1 {
            visits.faults.push(format!("{client:?} joined twice"));
        }
    }

    fn left(&self, client: &Client, room: &RoomHandle) {
        let mut visits = self.0.lock();
        let (joined, left) = visits.counts.entry(key(client, room)).or_default();
        *left += 1;
        if joined != left {
            visits.faults.push(format!("{client:?} left without having joined"));
        }
    }

    fn count_joined(&self) -> usize {
        self.0.lock().counts.values().map(|(joined, _)| joined).sum()
    }

    fn assert_everybody_has_left(&self) {
        let visits = self.0.lock();
        assert!(visits.faults.is_empty(), "{:?}", visits.faults);
        for (who, (joined, left)) in &visits.counts {
            assert_eq!(joined, left, "{who:?}");
        }
    }
}

fn key(client: &Client, room: &RoomHandle) -> (String, String) {
    (client.id().to_string(), room.epoch())
}

fn server<F>(ledger: &Ledger, before_join: F) -> Dialogue
where
    F: Fn() -> futures_util::future::BoxFuture<'static, Result<(), HookError>> + Send + Sync + 'static,
{
    let (joins, leaves) = (ledger.clone(), ledger.clone());
    Dialogue::builder()
        .define_events([])
        .limits(Limits {
            hook_deadline: Duration::from_secs(120),
            connect_deadline: Duration::from_secs(120),
            inbound_frames: 100_000,
            ..Limits::default()
        })
        .before_join(move |_, _| before_join())
        .on_joined(move |client, room, _| {
            joins.joined(&client, &room);
            async { yield_now().await }
        })
        .on_left(move |client, room, _| {
            leaves.left(&client, &room);
            async { yield_now().await }
        })
        .build()
        .expect("a server")
}

fn room(max_size: usize) -> RoomConfig {
    RoomConfig::new("room")
        .event::<Plenty>()
        .subscribe_to_all()
        .max_size(max_size)
}

/// Sends a request and returns its answer. `None` if the connection has ended.
async fn ask(peer: &mut Peer, id: u64, request: &Value) -> Option<Value> {
    let mut request = request.clone();
    request["id"] = json!(id);
    request["roomId"] = json!("room");
    peer.send(&request).await;
    loop {
        match peer.receive().await? {
            PeerFrame::Text(answer) if answer["id"] == json!(id) => return Some(answer),
            _ => {}
        }
    }
}

/// Asserts that rooms and clients agree on who is a member, even while connections end.
fn assert_agreement(dialogue: &Dialogue) {
    for room in dialogue.here().rooms() {
        // The members of a room change only under its lock.
        let state = room.cell.lock();
        let present: BTreeSet<String> = state.local.all().map(|client| client.id.to_string()).collect();
        let clients = dialogue.core.clients.all();
        let believing = clients
            .iter()
            .filter(|client| client.membership.lock().contains(room.id()));
        let believing: BTreeSet<String> = believing.map(|client| client.id.to_string()).collect();
        assert_eq!(present, believing, "one of the two has a ghost");
    }
}

async fn assert_nothing_is_left(dialogue: &Dialogue, ledger: &Ledger) {
    dialogue.core.clients.all_gone().await;
    assert_eq!(dialogue.here().clients(), []);
    for room in dialogue.here().rooms() {
        assert_eq!(room.size().await, 0);
    }
    dialogue.core.lifecycle.tasks.close();
    dialogue.core.lifecycle.tasks.wait().await;
    ledger.assert_everybody_has_left();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_simultaneous_joins_exactly_as_many_succeed_as_there_are_seats() {
    const CLIENTS: usize = 1_000;
    const SEATS: usize = 10;
    let ledger = Ledger::default();
    // The slowest possible hook: it admits no client before all clients have asked.
    let all_have_asked = Arc::new(Barrier::new(CLIENTS));
    let dialogue = server(&ledger, move || {
        let all_have_asked = Arc::clone(&all_have_asked);
        Box::pin(async move {
            all_have_asked.wait().await;
            Ok(())
        })
    });
    dialogue.create_room(room(SEATS)).await.expect("a room");
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let dialogue = dialogue.clone();
        clients.spawn(async move {
            let mut peer = Peer::connect(&dialogue, 4096).await;
            let answer = ask(&mut peer, 1, &json!({ "type": "join" })).await.expect("an answer");
            // The next command runs once the hooks of this one are done.
            ask(&mut peer, 2, &json!({ "type": "ping" })).await.expect("a pong");
            (peer, answer)
        });
    }
    let clients = clients.join_all().await;
    let joined = clients.iter().filter(|(_, answer)| answer["type"] == "joined").count();
    let full = clients
        .iter()
        .filter(|(_, answer)| answer["code"] == "ROOM_FULL")
        .count();
    assert_eq!((joined, full), (SEATS, CLIENTS - SEATS));
    assert_eq!(ledger.count_joined(), SEATS);
    assert_eq!(
        find_room(&dialogue, "room").await.expect("the room").size().await,
        SEATS
    );
    assert_agreement(&dialogue);
    drop(clients);
    assert_nothing_is_left(&dialogue, &ledger).await;
}

/// A way in which a membership can end.
#[derive(Debug, Clone, Copy)]
enum End {
    Cut,
    Kicked,
    Removed,
    RoomDeleted,
    RoomRecreated,
    ServerStopped,
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_at_any_moment_of_a_join_leaves_no_ghost_and_loses_no_seat() {
    let ends = [
        End::Cut,
        End::Kicked,
        End::Removed,
        End::RoomDeleted,
        End::RoomRecreated,
        End::ServerStopped,
    ];
    for end in ends {
        for moment in 0..40 {
            for by_server in [false, true] {
                ends_well(end, moment, by_server).await;
            }
        }
    }
}

async fn ends_well(end: End, moment: usize, by_server: bool) {
    let ledger = Ledger::default();
    let dialogue = server(&ledger, || {
        Box::pin(async {
            for _ in 0..5 {
                yield_now().await;
            }
            Ok(())
        })
    });
    dialogue.create_room(room(1)).await.expect("a room");
    let mut peer = Peer::connect(&dialogue, 4096).await;
    peer.receive_type("connected").await;
    let client = dialogue.here().clients().pop().expect("a client");
    if by_server {
        let client = client.clone();
        tokio::spawn(async move { client.join("room").await.map(drop) });
    } else {
        peer.send(&json!({ "type": "join", "roomId": "room" })).await;
        peer.send(&json!({ "type": "subscribe", "roomId": "room", "event": "plenty" }))
            .await;
    }
    for _ in 0..moment {
        yield_now().await;
    }
    let mut peer = Some(peer);
    match end {
        End::Cut => drop(peer.take()),
        End::Kicked => client.disconnect().await,
        End::Removed => drop(client.leave("room")),
        End::RoomDeleted => assert!(dialogue.delete_room("room").await.expect("a deletion")),
        End::RoomRecreated => {
            assert!(dialogue.delete_room("room").await.expect("a deletion"));
            dialogue.create_room(room(1)).await.expect("a room");
        }
        End::ServerStopped => dialogue.stop().await.expect("a drain"),
    }
    settle().await;
    assert_agreement(&dialogue);
    if matches!(end, End::Cut | End::Kicked | End::ServerStopped) {
        assert!(client.rooms().is_empty(), "{end:?} at {moment}");
        let mut next = Peer::connect(&dialogue, 4096).await;
        if !matches!(end, End::ServerStopped) {
            let answer = ask(&mut next, 1, &json!({ "type": "join" })).await.expect("an answer");
            assert_eq!(answer["type"], "joined", "the seat is free: {end:?} at {moment}");
        }
    }
    drop(peer);
    assert_nothing_is_left(&dialogue, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn random_joins_and_leaves_end_with_empty_rooms_and_matching_hooks() {
    const CLIENTS: u64 = 48;
    const STEPS: u64 = 60;
    let ledger = Ledger::default();
    let asked = Mutex::new(Dice(1));
    let dialogue = server(&ledger, move || {
        let (yields, refused) = {
            let mut dice = asked.lock();
            (dice.below(4), dice.below(10) == 0)
        };
        Box::pin(async move {
            for _ in 0..yields {
                yield_now().await;
            }
            if refused { refuse("not you") } else { Ok(()) }
        })
    });
    dialogue.create_room(room(5)).await.expect("a room");
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(come_and_go(dialogue.clone(), Dice(number), STEPS));
    }
    let mut server = JoinSet::new();
    for number in 0..2 {
        server.spawn(interfere(dialogue.clone(), Dice(1_000 + number)));
    }
    let peers = clients.join_all().await;
    server.shutdown().await;
    // After one more answer to each client, none of its commands is in progress.
    for mut peer in peers {
        let _ = ask(&mut peer, 0, &json!({ "type": "ping" })).await;
        assert_agreement(&dialogue);
    }
    assert!(ledger.count_joined() > 0);
    assert_nothing_is_left(&dialogue, &ledger).await;
}

async fn come_and_go(dialogue: Dialogue, mut dice: Dice, steps: u64) -> Peer {
    let mut peer = Peer::connect(&dialogue, 4096).await;
    for step in 1..=steps {
        let request = match dice.below(8) {
            0..=3 => json!({ "type": "join" }),
            4 => json!({ "type": "leave" }),
            5 => json!({ "type": "subscribe", "event": "plenty" }),
            6 => json!({ "type": "trigger", "event": "plenty", "data": { "number": step } }),
            _ => {
                // The client disconnects during a join.
                peer.send(&json!({ "type": "join", "roomId": "room" })).await;
                for _ in 0..dice.below(4) {
                    yield_now().await;
                }
                peer = Peer::connect(&dialogue, 4096).await;
                continue;
            }
        };
        if ask(&mut peer, step, &request).await.is_none() {
            peer = Peer::connect(&dialogue, 4096).await;
        }
    }
    peer
}

async fn interfere(dialogue: Dialogue, mut dice: Dice) {
    loop {
        let clients = dialogue.here().clients();
        let client = clients.get(dice.below(1 + clients.len() as u64) as usize);
        match (dice.below(5), client) {
            (0, _) => {
                dialogue.delete_room("room").await.expect("a deletion");
                let _ = dialogue.create_room(room(5)).await;
            }
            (1, Some(client)) => client.disconnect().await,
            (2, Some(client)) => drop(client.leave("room")),
            (_, Some(client)) => drop(client.join("room").await),
            _ => {}
        }
        for _ in 0..20 {
            yield_now().await;
        }
    }
}

/// A pseudo-random number generator that gives the same numbers in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
