//! Promises 1 and 2 against the model. Clients receive exactly the specified frames. A client that received no report of
//! a gap has every event that it should have, once and in order.

mod failures;
#[cfg(feature = "sqlite")]
mod file;
mod player;
mod steps;
mod stores;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::{Value, json};

use self::player::{Player, read};
use self::steps::{Claim, PIPES, ROOMS, Step, step, step_with_store};
use self::stores::{Fake, TestStore};
use super::model::{Client, EVENTS, Model, REPLAY_EVENTS, Room, Subscriptions};
use super::peer::{Peer, PeerFrame};
use super::{Fleeting, Plenty, Scarce, find_room, settle};
use crate::calls::CreateRoomError;
use crate::log::durable::DurableLog;
use crate::log::{EvictedHistory, HistoryConfig, HistoryManager};
use crate::{Dialogue, Limits, RoomConfig, RoomHandle, refuse};

/// How many cases are tested: one of `share` of `PROPTEST_CASES`, or else of 200.
fn cases(share: u32) -> ProptestConfig {
    let all = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: all.unwrap_or(200) / share,
        max_shrink_iters: 2_000 / share,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(1))]

    #[test]
    fn every_log_equals_the_model_unless_a_gap_was_reported(steps in prop::collection::vec(step(), 1..80)) {
        play(steps, None);
    }

    #[test]
    fn every_log_in_a_store_equals_the_model_through_failures_and_restarts(
        steps in prop::collection::vec(step_with_store(), 1..80)
    ) {
        play(steps, Some(Box::new(Fake::new())));
    }
}

#[cfg(feature = "sqlite")]
proptest! {
    #![proptest_config(cases(6))]

    #[test]
    fn every_log_in_a_file_equals_the_model_through_failures_and_restarts(
        steps in prop::collection::vec(step_with_store(), 1..80)
    ) {
        play(steps, Some(Box::new(file::File::new())));
    }
}

fn play(steps: Vec<Step>, store: Option<Box<dyn TestStore>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut world = World::new(store).await;
        for step in steps {
            world.take(step).await;
        }
        world.end().await;
    });
}

/// The server, its clients, and the model of both.
struct World {
    dialogue: Dialogue,
    /// The store that has the rooms' logs. Without one, they are in memory.
    store: Option<Box<dyn TestStore>>,
    denying: Arc<AtomicBool>,
    evicted: Arc<Mutex<Vec<EvictedHistory>>>,
    model: Model,
    players: Vec<Player>,
    next_number: u64,
}

/// A server on a store, or with its logs in memory.
fn server(
    store: Option<Arc<dyn DurableLog>>,
    denying: &Arc<AtomicBool>,
    evicted: &Arc<Mutex<Vec<EvictedHistory>>>,
) -> Dialogue {
    let (refuses, takes) = (Arc::clone(denying), Arc::clone(evicted));
    let builder = Dialogue::builder()
        .define_events([])
        .limits(Limits {
            replay_events: REPLAY_EVENTS,
            inbound_frames: 10_000,
            // Time passes, and no client answers pings or reads before its turn.
            ping_interval: Duration::from_secs(1_000_000),
            write_deadline: Duration::from_secs(1_000_000),
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
        });
    let builder = match store {
        Some(store) => builder.durable(store),
        None => builder,
    };
    builder.build().expect("a server")
}

fn triggered(event: &str, number: u64) -> Value {
    json!({ "type": "trigger", "event": event, "data": { "number": number } })
}

impl World {
    async fn new(store: Option<Box<dyn TestStore>>) -> Self {
        let denying = Arc::new(AtomicBool::new(false));
        let evicted: Arc<Mutex<Vec<EvictedHistory>>> = Arc::default();
        let dialogue = server(store.as_ref().map(|store| store.durable()), &denying, &evicted);
        let mut world = Self {
            dialogue,
            store,
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
                let cleared = self.dialogue.history().clear_room(id).await;
                // What the window loses is still in the store.
                for event in cleared.into_iter().filter(|_| self.store.is_none()) {
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
                self.ask(client, room, triggered(event, number)).await;
                self.model.trigger_by(client, room, event, number);
            }
            Step::FailBy(client, room, event, fault) => {
                self.fail_by(client, ROOMS[room].0, EVENTS[event].0, fault).await
            }
            Step::Fail(room, event, fault) => self.fail(ROOMS[room].0, EVENTS[event].0, fault).await,
            Step::FailToggle(room, fault, ending) => self.fail_toggle(room, fault, ending).await,
            Step::Restart(ending) => self.restart(ending).await,
            Step::Keyed(keyed) => self.keyed(keyed).await,
            Step::Page(client, room, event, before, limit) => {
                let (id, event) = (ROOMS[room].0, EVENTS[event].0);
                let top = self.model.rooms.get(id).map_or(0, Room::top);
                let before = 1 + before.index(top as usize + 1) as u64;
                let page = json!({ "type": "history", "event": event, "before": before, "limit": limit });
                self.ask(client, id, page).await;
                self.model.page(client, id, event, before, limit);
            }
            Step::Expire(room, through) => self.expire(ROOMS[room].0, through).await,
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
        let Some(room) = find_room(&self.dialogue, id).await else {
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
        let id = ROOMS[room].0;
        if self.dialogue.delete_room(id).await.expect("a deletion") {
            self.model.delete(id);
            return;
        }
        let made = self.create(room).await.expect("a room");
        let room = self.new_room(room, made.epoch());
        self.model.create(id, room);
    }

    async fn create(&self, room: usize) -> Result<RoomHandle, CreateRoomError> {
        let (id, sync, max_size) = ROOMS[room];
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
        self.dialogue.create_room(config).await
    }

    fn new_room(&self, room: usize, epoch: String) -> Room {
        let (_, sync, max_size) = ROOMS[room];
        let room = Room::new(epoch, sync, max_size);
        if self.store.is_some() { room.stored() } else { room }
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
        if self.model.seat(client, room).is_some() {
            player.asked.insert(player.next_id, room);
        }
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
