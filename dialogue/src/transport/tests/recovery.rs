//! Promises 1 and 2 against the model. Clients receive exactly the specified frames. A client that received no report of
//! a gap has every event that it should have, once and in order.

mod player;
mod steps;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::{Value, json};

use self::player::{Player, read};
use self::steps::{Claim, PIPES, ROOMS, Step, step};
use super::model::{Client, EVENTS, Model, REPLAY_EVENTS, Room, Subscriptions};
use super::peer::{Peer, PeerFrame};
use super::{Fleeting, Plenty, Scarce, settle};
use crate::log::{EvictedHistory, HistoryConfig, HistoryManager};
use crate::{Dialogue, Limits, RoomConfig, refuse};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200),
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_log_equals_the_model_unless_a_gap_was_reported(steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                world.take(step).await;
            }
            world.end().await;
        });
    }
}

/// The server, its clients, and the model of both.
struct World {
    dialogue: Dialogue,
    denying: Arc<AtomicBool>,
    evicted: Arc<Mutex<Vec<EvictedHistory>>>,
    model: Model,
    players: Vec<Player>,
    next_number: u64,
}

impl World {
    async fn new() -> Self {
        let denying = Arc::new(AtomicBool::new(false));
        let evicted: Arc<Mutex<Vec<EvictedHistory>>> = Arc::default();
        let (refuses, takes) = (Arc::clone(&denying), Arc::clone(&evicted));
        let dialogue = Dialogue::builder()
            .define_events([])
            .limits(Limits {
                replay_events: REPLAY_EVENTS,
                inbound_frames: 10_000,
                ..Limits::default()
            })
            .history(HistoryManager::new(HistoryConfig {
                max_rooms: 2,
                ..HistoryConfig::default()
            }))
            .before_join(move |_, _| {
                let refused = refuses.load(Ordering::Relaxed);
                async move { if refused { refuse("not you") } else { Ok(()) } }
            })
            .on_history_evicted(move |batch| {
                takes.lock().push(batch);
                async { Ok(()) }
            })
            .build()
            .expect("a server");
        let mut world = Self {
            dialogue,
            denying,
            evicted,
            model: Model::default(),
            players: PIPES.iter().map(|_| Player::default()).collect(),
            next_number: 0,
        };
        world.model.clients = PIPES.iter().map(|_| Client::default()).collect();
        for room in 0..ROOMS.len() {
            world.toggle(room).await;
        }
        world
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Trigger(room, event) => self.trigger(ROOMS[room].0, EVENTS[event].0).await,
            Step::Join(client, room, wanted, claim) => self.join(client, ROOMS[room].0, wanted, claim).await,
            Step::Cut(client, bytes) => self.cut(client, bytes).await,
            Step::TakeOver(client, bytes) => self.take_over(client, bytes).await,
            Step::Read(client) => self.read_all(client).await,
            Step::Toggle(room) => self.toggle(room).await,
            Step::Clear(room) => {
                let id = ROOMS[room].0;
                for event in self.dialogue.history().clear_room(id).await {
                    let room = self.model.rooms.get_mut(id).expect("a room with history");
                    room.forget(event.seq.expect("a numbered event"));
                }
            }
            Step::Deny(denying) => {
                self.denying.store(denying, Ordering::Relaxed);
                self.model.denying = denying;
            }
            Step::TriggerBy(client, room, event) => {
                let (room, event, number) = (ROOMS[room].0, EVENTS[event].0, self.number());
                let trigger = json!({ "type": "trigger", "event": event, "data": { "number": number } });
                self.ask(client, room, trigger).await;
                self.model.trigger_by(client, room, event, number);
            }
            Step::Leave(client, room) => {
                self.ask(client, ROOMS[room].0, json!({ "type": "leave" })).await;
                self.model.leave(client, ROOMS[room].0);
            }
            Step::Subscribe(client, room, event) => {
                let (room, event) = (ROOMS[room].0, event.map(|event| EVENTS[event].0));
                let subscribe = match event {
                    Some(event) => json!({ "type": "subscribe", "event": event }),
                    None => json!({ "type": "subscribeAll" }),
                };
                self.ask(client, room, subscribe).await;
                self.model.subscribe(client, room, event);
            }
            Step::Unsubscribe(client, room, event) => {
                let (room, event) = (ROOMS[room].0, EVENTS[event].0);
                self.ask(client, room, json!({ "type": "unsubscribe", "event": event }))
                    .await;
                self.model.unsubscribe(client, room, event);
            }
        }
        settle().await;
        for batch in self.evicted.lock().drain(..) {
            let room = self.model.rooms.get_mut(&*batch.room_id).expect("an existing room");
            for event in batch.messages {
                room.forget(event.seq.expect("a numbered event"));
            }
        }
        self.model.rooms.values().for_each(Room::assert_within_limits);
    }

    /// All clients read everything and disconnect. No member remains.
    async fn end(mut self) {
        for client in 0..self.players.len() {
            self.read_all(client).await;
        }
        self.players.clear();
        settle().await;
        assert_eq!(self.dialogue.here().clients(), []);
        for room in self.dialogue.here().rooms() {
            assert_eq!(room.here().participants(), []);
        }
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    async fn trigger(&mut self, id: &'static str, event: &str) {
        let Some(room) = self.dialogue.room(id).await else {
            return;
        };
        let number = self.number();
        let triggered = match event {
            "scarce" => room.trigger(Scarce { number }),
            "plenty" => room.trigger(Plenty { number }),
            _ => room.trigger(Fleeting { number }),
        };
        let delivery = triggered.await.expect("a delivery");
        assert_eq!(delivery.seq, self.model.trigger(id, event, number));
    }

    async fn toggle(&mut self, room: usize) {
        let (id, sync, max_size) = ROOMS[room];
        if self.dialogue.delete_room(id).await.expect("a deletion") {
            self.model.delete(id);
            return;
        }
        let config = RoomConfig::new(id)
            .event::<Scarce>()
            .event::<Plenty>()
            .event::<Fleeting>()
            .subscribe_to::<Scarce>()
            .subscribe_to::<Plenty>()
            .sync_history_on_join(sync);
        let config = match max_size {
            Some(max_size) => config.max_size(max_size),
            None => config,
        };
        let made = self.dialogue.create_room(config).await.expect("a room");
        self.model
            .create(id, Room::new(made.epoch().to_owned(), sync, max_size));
    }

    /// Sends a request about a room. A client without a connection connects first.
    async fn ask(&mut self, client: usize, room: &'static str, mut request: Value) {
        if self.players[client].peer.is_none() {
            self.connect(client, None).await;
        }
        let player = &mut self.players[client];
        player.next_id += 1;
        request["id"] = json!(player.next_id);
        request["roomId"] = json!(room);
        player.asked.insert(player.next_id, room);
        player.peer.as_mut().expect("a connection").send(&request).await;
        settle().await;
    }

    async fn connect(&mut self, client: usize, resume: Option<&str>) {
        let peer = Peer::connect_again(&self.dialogue, PIPES[client], resume).await;
        self.players[client].peer = Some(peer);
        settle().await;
        self.model.connect(client);
    }

    async fn join(&mut self, client: usize, room: &'static str, wanted: Option<Subscriptions>, claim: Claim) {
        // The client reads everything first. Otherwise, it would request events that are already on the way, and receive
        // them twice.
        self.read_all(client).await;
        let since = self.players[client].claim(room, claim);
        let mut join = json!({ "type": "join" });
        match &wanted {
            Some(Subscriptions::Everything) => join["subscriptions"] = json!(["*"]),
            Some(Subscriptions::Named(names)) => join["subscriptions"] = json!(names),
            None => {}
        }
        if let Some(since) = &since {
            join["since"] = json!({ "epoch": since.epoch, "seq": since.seq });
        }
        let is_member = self.model.seat(client, room).is_some();
        if let (Some(since), Some(log), false) = (&since, self.players[client].rooms.get_mut(room), is_member) {
            // The client discards the events that it requests again, even if the join then fails.
            log.numbers.retain(|seq| *seq <= since.seq);
            log.position = log.position.min(since.seq);
        }
        self.ask(client, room, join).await;
        self.model.join(client, room, wanted, since.as_ref());
    }

    async fn cut(&mut self, client: usize, bytes: usize) {
        settle().await;
        let Some(mut peer) = self.players[client].peer.take() else {
            return;
        };
        peer.read_up_to(peer.read.saturating_add(bytes)).await;
        self.take_frames(client, peer.take_frames());
        drop(peer);
        self.model.clients[client].disconnect(&self.players[client]);
    }

    async fn take_over(&mut self, client: usize, bytes: usize) {
        settle().await;
        let Some(mut peer) = self.players[client].peer.take() else {
            return;
        };
        peer.read_up_to(peer.read.saturating_add(bytes)).await;
        self.take_frames(client, peer.take_frames());
        self.model.clients[client].disconnect(&self.players[client]);
        let Some(resume) = self.players[client].resume.clone() else {
            return;
        };
        // The old connection is still open. Only `resume` tells the server that the client no longer reads it.
        self.connect(client, Some(&resume)).await;
        drop(peer);
    }

    /// Reads everything. The log is complete then.
    async fn read_all(&mut self, client: usize) {
        let Some(peer) = &mut self.players[client].peer else {
            return;
        };
        let frames = peer.drain().await;
        self.take_frames(client, frames);
        let model = &self.model.clients[client];
        let connection = model.connection.as_ref().expect("a connection");
        assert_eq!(connection.expected, [], "frames that client {client} has not received");
        for room in connection.seats.keys() {
            let log = &self.players[client].rooms[room];
            assert_eq!(log.numbers, model.due[room], "the log of client {client} in `{room}`");
            let numbers: BTreeSet<_> = log.numbers.iter().collect();
            assert!(
                numbers.iter().copied().eq(&log.numbers),
                "the numbers are in order and unique: {log:?}"
            );
        }
    }

    fn take_frames(&mut self, client: usize, frames: Vec<PeerFrame>) {
        for frame in frames {
            let PeerFrame::Text(text) = frame else {
                panic!("client {client} received {frame:?}");
            };
            let received = read(&text);
            let connection = self.model.clients[client].connection.as_mut().expect("a connection");
            assert_eq!(
                Some(&received),
                connection.expected.front(),
                "the next frame of client {client}"
            );
            connection.expected.pop_front();
            self.players[client].take(&text, received);
        }
    }
}
