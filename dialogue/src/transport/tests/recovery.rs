//! Promises 1 and 2 against the model: whatever happens, clients are told exactly what they must be told, and a client that
//! was not told otherwise has every event that it was due, once and in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::model::{Client, EVENTS, Happened, Model, REPLAY_EVENTS, Room, Since, Subscriptions, Told};
use super::peer::{Peer, PeerFrame};
use super::{Fleeting, Plenty, Scarce, settle};
use crate::{Dialogue, EvictedHistory, HistoryConfig, HistoryManager, Limits, Refusal, RoomConfig, SyncHistory};

/// Each room, what it sends at a first join, and how many it holds.
const ROOMS: [(&str, SyncHistory, Option<usize>); 3] = [
    ("all", SyncHistory::All, None),
    ("one", SyncHistory::PerType(1), None),
    ("none", SyncHistory::Off, Some(2)),
];

/// How much each client's network holds: all that there is, or less than a frame.
const PIPES: [usize; 3] = [1 << 20, 1 << 20, 32];

#[derive(Debug, Clone)]
enum Step {
    Trigger(usize, usize),
    TriggerBy(usize, usize, usize),
    Join(usize, usize, Option<Subscriptions>, Claim),
    Leave(usize, usize),
    Subscribe(usize, usize, Option<usize>),
    Unsubscribe(usize, usize, usize),
    /// Reads at most so many more bytes, and is gone.
    Cut(usize, usize),
    /// The same, but the server does not notice: the next connection shows `resume`.
    TakeOver(usize, usize),
    Read(usize),
    /// The application drops what a room keeps.
    Clear(usize),
    /// Deletes a room, or makes it anew.
    Toggle(usize),
    /// `before_join` refuses from now on, or no longer.
    Deny(bool),
}

/// What a client claims of where it was.
#[derive(Debug, Clone, Copy)]
enum Claim {
    Nothing,
    Truth,
    /// Somewhere before that.
    Earlier(Index),
    AnotherEpoch,
    AboveTheTop,
}

fn step() -> impl Strategy<Value = Step> {
    let (client, room, event) = (0..PIPES.len(), 0..ROOMS.len(), 0..EVENTS.len());
    let bytes = || prop_oneof![0..40usize, 0..600usize, Just(usize::MAX / 2)];
    let names = || prop::collection::btree_set(prop::sample::select(vec!["scarce", "plenty", "fleeting"]), 0..4);
    let subscriptions = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Subscriptions::Everything)),
        2 => names().prop_map(|names| Some(Subscriptions::Named(names))),
    ];
    let claim = prop_oneof![
        2 => Just(Claim::Nothing),
        6 => Just(Claim::Truth),
        2 => any::<Index>().prop_map(Claim::Earlier),
        1 => Just(Claim::AnotherEpoch),
        1 => Just(Claim::AboveTheTop),
    ];
    let some_event = prop::option::of(event.clone());
    prop_oneof![
        8 => (room.clone(), event.clone()).prop_map(|(room, event)| Step::Trigger(room, event)),
        4 => (client.clone(), room.clone(), event.clone()).prop_map(|(c, r, e)| Step::TriggerBy(c, r, e)),
        8 => (client.clone(), room.clone(), subscriptions, claim).prop_map(|(c, r, s, claim)| Step::Join(c, r, s, claim)),
        1 => (client.clone(), room.clone()).prop_map(|(client, room)| Step::Leave(client, room)),
        1 => (client.clone(), room.clone(), some_event).prop_map(|(c, r, e)| Step::Subscribe(c, r, e)),
        1 => (client.clone(), room.clone(), event).prop_map(|(c, r, e)| Step::Unsubscribe(c, r, e)),
        3 => (client.clone(), bytes()).prop_map(|(client, bytes)| Step::Cut(client, bytes)),
        1 => (client.clone(), bytes()).prop_map(|(client, bytes)| Step::TakeOver(client, bytes)),
        2 => client.prop_map(Step::Read),
        1 => room.clone().prop_map(Step::Clear),
        1 => room.prop_map(Step::Toggle),
        1 => prop::bool::weighted(0.3).prop_map(Step::Deny),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200),
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_log_equals_the_models_or_was_told_that_it_does_not(steps in prop::collection::vec(step(), 1..80)) {
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

/// A client as it knows itself.
#[derive(Default)]
struct Player {
    peer: Option<Peer>,
    resume: Option<String>,
    rooms: BTreeMap<&'static str, Log>,
    /// The rooms of the requests that will be answered `ok`.
    asked: BTreeMap<u64, &'static str>,
    next_id: u64,
}

/// What a client has of a room.
#[derive(Debug, Clone, Default)]
struct Log {
    epoch: String,
    position: u64,
    numbers: Vec<u64>,
}

impl World {
    async fn new() -> Self {
        let denying = Arc::new(AtomicBool::new(false));
        let evicted: Arc<Mutex<Vec<EvictedHistory>>> = Arc::default();
        let (refuses, takes) = (Arc::clone(&denying), Arc::clone(&evicted));
        let dialogue = Dialogue::builder()
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
                async move { if refused { Err(Refusal::new("not now")) } else { Ok(()) } }
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
                for event in self.dialogue.history().clear_room(id) {
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
            let room = self.model.rooms.get_mut(&*batch.room_id).expect("a room that is there");
            for event in batch.events {
                room.forget(event.seq.expect("a numbered event"));
            }
        }
        self.model.rooms.values().for_each(Room::assert_within_limits);
    }

    /// Everybody reads everything; nobody is left behind by what they leave.
    async fn end(mut self) {
        for client in 0..self.players.len() {
            self.read_all(client).await;
        }
        self.players.clear();
        settle().await;
        assert_eq!(self.dialogue.clients(), []);
        for room in self.dialogue.rooms() {
            assert_eq!(room.participants(), []);
        }
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    async fn trigger(&mut self, id: &'static str, event: &str) {
        let Some(room) = self.dialogue.room(id) else {
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
        if self.dialogue.delete_room(id).await {
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

    /// Sends a request about a room; a client that is not connected connects first.
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
        // What is under way is read first: a client that asks for what it is about to be told gets it twice.
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
            // It throws away what it asks for again, even if it is then refused.
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
        // The old connection is still open: nothing but `resume` tells the server that nobody listens there.
        self.connect(client, Some(&resume)).await;
        drop(peer);
    }

    /// Reads all there is: then the log is whole.
    async fn read_all(&mut self, client: usize) {
        let Some(peer) = &mut self.players[client].peer else {
            return;
        };
        let frames = peer.drain().await;
        self.take_frames(client, frames);
        let model = &self.model.clients[client];
        let connection = model.connection.as_ref().expect("a connection");
        assert_eq!(connection.expected, [], "client {client} was not told");
        for room in connection.seats.keys() {
            let log = &self.players[client].rooms[room];
            assert_eq!(log.numbers, model.due[room], "the log of client {client} in `{room}`");
            let numbers: BTreeSet<_> = log.numbers.iter().collect();
            assert!(
                numbers.iter().copied().eq(&log.numbers),
                "in order, and each once: {log:?}"
            );
        }
    }

    fn take_frames(&mut self, client: usize, frames: Vec<PeerFrame>) {
        for frame in frames {
            let PeerFrame::Text(text) = frame else {
                panic!("client {client} got {frame:?}");
            };
            let told = read(&text);
            let connection = self.model.clients[client].connection.as_mut().expect("a connection");
            assert_eq!(
                Some(&told),
                connection.expected.front(),
                "what client {client} is told next"
            );
            connection.expected.pop_front();
            self.players[client].take(&text, told);
        }
    }
}

impl Player {
    fn claim(&self, room: &str, claim: Claim) -> Option<Since> {
        let log = self.rooms.get(room).cloned().unwrap_or_default();
        let (epoch, seq) = match claim {
            Claim::Nothing => return None,
            _ if log.epoch.is_empty() => return None,
            Claim::Truth => (log.epoch, log.position),
            Claim::Earlier(index) => (log.epoch, index.index(log.position as usize + 1) as u64),
            Claim::AnotherEpoch => ("another".to_owned(), log.position),
            Claim::AboveTheTop => (log.epoch, log.position + 1_000),
        };
        Some(Since { epoch, seq })
    }

    fn take(&mut self, text: &Value, told: Told) {
        match told {
            Told::Connected => self.resume = text["resume"].as_str().map(str::to_owned),
            Told::Joined {
                room,
                epoch,
                seq,
                recovered,
                events,
            } => {
                let log = self.rooms.entry(known(&room)).or_default();
                if recovered != Some(true) {
                    log.numbers.clear();
                }
                (log.epoch, log.position) = (epoch, seq);
                log.numbers.extend(events.iter().filter_map(|event| event.seq));
            }
            Told::Event(room, Happened { seq: Some(seq), .. }) => {
                let log = self.rooms.entry(known(&room)).or_default();
                log.numbers.push(seq);
                log.position = log.position.max(seq);
            }
            Told::Ok(Some(seq)) => {
                let room = self.asked[&text["id"].as_u64().expect("an id")];
                let log = self.rooms.entry(room).or_default();
                log.position = log.position.max(seq);
            }
            _ => {}
        }
    }
}

impl Client {
    /// What was not read is not due any more: the client will ask for it, or not.
    fn disconnect(&mut self, player: &Player) {
        self.connection = None;
        self.due = player
            .rooms
            .iter()
            .map(|(room, log)| (*room, log.numbers.clone()))
            .collect();
    }
}

fn known(room: &str) -> &'static str {
    ROOMS
        .iter()
        .find(|(id, ..)| *id == room)
        .expect("a room of this test")
        .0
}

fn read(text: &Value) -> Told {
    let string = |field: &str| text[field].as_str().unwrap_or_default().to_owned();
    let happened = |event: &Value| Happened {
        event: event["event"].as_str().expect("a name").to_owned(),
        number: event["data"]["number"].as_u64().expect("a number"),
        seq: event["seq"].as_u64(),
    };
    match text["type"].as_str() {
        Some("connected") => Told::Connected,
        Some("joined") => Told::Joined {
            room: string("roomId"),
            epoch: string("epoch"),
            seq: text["seq"].as_u64().expect("a number"),
            recovered: text["recovered"].as_bool(),
            events: text["events"]
                .as_array()
                .expect("events")
                .iter()
                .map(happened)
                .collect(),
        },
        Some("event") => Told::Event(string("roomId"), happened(text)),
        Some("left") => Told::Left(string("roomId"), text["reason"].as_str().map(str::to_owned)),
        Some("ok") => Told::Ok(text["seq"].as_u64()),
        Some("error") => Told::Error(string("code")),
        Some("roomCreated") => Told::RoomCreated(text["room"]["id"].as_str().expect("an id").to_owned()),
        Some("roomDeleted") => Told::RoomDeleted(string("roomId")),
        _ => panic!("the server said {text}"),
    }
}
