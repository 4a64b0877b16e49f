//! Runs each step against Redis and the model, and compares.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use redis::{Connection, Value};

use super::Step;
use super::room::{LIMITS, Room, VOLATILE};
use crate::cluster::redis::answers::EventAnswer;
use crate::cluster::redis::message::RoomMessage;
use crate::cluster::redis::reply::{self, *};
use crate::cluster::redis::script;
use crate::cluster::redis::tests::engine::*;
use crate::cluster::redis::tests::server::Server;

const ROOMS: [&str; 2] = ["a", "b"];
const USERS: [&str; 2] = ["ada", "bob"];
const KEYS: [&str; 2] = ["k1", "k2"];
const RUNS: [&str; 64] = {
    // The names of servers: a test has fewer steps.
    let all = "run00run01run02run03run04run05run06run07run08run09run10run11run12run13run14run15run16run17run18run19run20run21run22run23run24run25run26run27run28run29run30run31run32run33run34run35run36run37run38run39run40run41run42run43run44run45run46run47run48run49run50run51run52run53run54run55run56run57run58run59run60run61run62run63";
    let mut names = [""; 64];
    let mut index = 0;
    while index < 64 {
        names[index] = all.split_at(5 * index).1.split_at(5).0;
        index += 1;
    }
    names
};

type Stored = BTreeMap<Vec<u8>, (Vec<u8>, i64)>;
/// Room, user and key: own part and number.
type StoredKeys = BTreeMap<(usize, usize, usize), (String, u64)>;

pub(super) struct Machine {
    nodes: [Node; 2],
    /// Channels and messages, in their order.
    subscriber: Connection,
    run: usize,
    next: u64,
    rooms: [Room; 2],
    keys: StoredKeys,
    /// The epoch that each node knows of each room, and the number seen.
    known: [[(String, u64); 2]; 2],
    counters: [[u64; 2]; 2],
    /// Each node's last batch of each room, with its reply.
    last: BTreeMap<(usize, usize), (Arguments, u64, AppendReply)>,
    /// What each number of an epoch stands for.
    used: BTreeMap<(usize, String, u64), String>,
    epochs: BTreeSet<String>,
    snapshot: Option<(Stored, [Room; 2], StoredKeys)>,
    // Dropped last.
    _server: Server,
}

impl Machine {
    pub(super) fn begin() -> Self {
        let server = Server::start();
        let nodes = [Node::on(server.connect(), "n0"), Node::on(server.connect(), "n1")];
        let mut subscriber = server.connect();
        let _: Value = redis::cmd("PING").query(&mut subscriber).unwrap();
        nodes.iter().for_each(|node| node.server.set(RUNS[0]));
        let known = || [("first.".to_owned(), 0), ("first.".to_owned(), 0)];
        Self {
            nodes,
            subscriber,
            run: 0,
            next: 1,
            rooms: [Room::without_metadata(0), Room::without_metadata(0)],
            keys: BTreeMap::new(),
            known: [known(), known()],
            counters: [[0; 2]; 2],
            last: BTreeMap::new(),
            used: BTreeMap::new(),
            epochs: BTreeSet::new(),
            snapshot: None,
            _server: server,
        }
    }

    fn unique(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Runs something, and returns what was published meanwhile.
    fn listen<T>(&mut self, call: impl FnOnce(&[Node; 2]) -> T) -> (T, Vec<Bytes>) {
        let mut feed = Feed::on(&mut self.subscriber);
        let result = call(&self.nodes);
        let messages = feed.take(&self.nodes[0]);
        (result, messages.into_iter().map(|(_, payload)| payload).collect())
    }

    /// Whether a call begins a new epoch. `None` if the room is another incarnation.
    fn renews(&self, room: usize, known: &str, seen: u64) -> Option<bool> {
        let room = &self.rooms[room];
        let (own, _) = known.split_once('.').unwrap_or((known, ""));
        if !known.is_empty() && own != room.own {
            return None;
        }
        let seen = if room.epoch == known { seen } else { 0 };
        Some(!room.exists || room.run != RUNS[self.run] || room.seq < seen)
    }

    fn renew(&mut self, room: usize, known: &str, seen: u64, epoch: &str) {
        assert!(self.epochs.insert(epoch.to_owned()), "an epoch never returns");
        let lineage = self.unique();
        let run = RUNS[self.run];
        let room = &mut self.rooms[room];
        if !room.exists {
            let (kept, record) = (std::mem::take(&mut room.kept), std::mem::take(&mut room.record));
            *room = Room {
                kept,
                record,
                exists: true,
                ..Room::without_metadata(lineage)
            };
        } else if room.epoch == known {
            room.seq = room.seq.max(seen);
        }
        room.epoch = epoch.to_owned();
        room.run = run;
        assert!(epoch.starts_with(&format!("{}.", room.own)));
    }

    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::Append {
                node,
                room,
                events,
                is_lost,
                renew,
                extra,
                repeat,
            } => {
                let words = match (renew, repeat) {
                    (false, false) => "",
                    (true, false) => "renew",
                    (false, true) => "repeat",
                    (true, true) => "renew repeat",
                };
                self.append(node, room, &events, words, extra, is_lost);
            }
            Step::Again { node, room } => self.again(node, room),
            Step::Position { node, room } => self.position(node, room),
            Step::Delete { room, stays } => self.delete(room, stays),
            Step::Create { room } => self.create(room),
            Step::Erase { room, kind, index } => self.erase(room, kind, index),
            Step::ListLost { room, kind } => {
                let list = self.nodes[0].keys.events(ROOMS[room], &LIMITS[kind].0.into());
                let _: u64 = self.nodes[0].redis(&[b"DEL", &list]);
                self.rooms[room].kept[kind].clear();
            }
            Step::EntryLost { room, kind, index } => {
                let list = self.nodes[0].keys.events(ROOMS[room], &LIMITS[kind].0.into());
                let kept = &mut self.rooms[room].kept[kind];
                if !kept.is_empty() {
                    let (_, _, text) = kept.remove(index % kept.len());
                    let _: u64 = self.nodes[0].redis(&[b"LREM", &list, b"1", text.as_bytes()]);
                }
            }
            Step::MetaLost { room } => {
                let _: u64 = self.nodes[0].redis(&[b"DEL", &self.nodes[0].keys.meta(ROOMS[room])]);
                let lineage = self.unique();
                let room = &mut self.rooms[room];
                let (kept, record) = (std::mem::take(&mut room.kept), std::mem::take(&mut room.record));
                *room = Room {
                    kept,
                    record,
                    ..Room::without_metadata(lineage)
                };
            }
            Step::LogLost => {
                let _: u64 = self.nodes[0].redis(&[b"DEL", &self.nodes[0].keys.log(self.nodes[0].partition)]);
            }
            Step::Restart => self.restart(),
            Step::Snapshot => {
                let node = &self.nodes[0];
                let stored = node.dump().into_iter().map(|(key, value)| {
                    let lifetime: i64 = node.redis(&[b"PTTL", &key]);
                    (key, (value, lifetime.max(0)))
                });
                self.snapshot = Some((stored.collect(), self.rooms.clone(), self.keys.clone()));
            }
            Step::LoseData => {
                let Some((stored, rooms, keys)) = self.snapshot.clone() else {
                    return;
                };
                let node = &self.nodes[0];
                let _: String = node.redis(&[b"FLUSHALL"]);
                for (key, (value, lifetime)) in stored {
                    let _: String = node.redis(&[b"RESTORE", &key, lifetime.to_string().as_bytes(), &value]);
                }
                (self.rooms, self.keys) = (rooms, keys);
                self.restart();
            }
            Step::LoseEverything { restarts } => {
                let _: String = self.nodes[0].redis(&[b"FLUSHALL"]);
                self.keys.clear();
                self.rooms = [
                    Room::without_metadata(self.unique()),
                    Room::without_metadata(self.unique()),
                ];
                if restarts {
                    self.restart();
                }
            }
        }
    }

    fn restart(&mut self) {
        self.run += 1;
        self.nodes.iter().for_each(|node| node.server.set(RUNS[self.run]));
    }

    fn append(
        &mut self,
        node: usize,
        room: usize,
        events: &[(usize, usize, Option<usize>, char)],
        words: &'static str,
        extra: u64,
        is_lost: bool,
    ) {
        let (known, seen) = self.known[node][room].clone();
        let seen = seen + extra;
        self.counters[node][room] += 1;
        let counter = self.counters[node][room];
        let sent: Vec<Sent> = events
            .iter()
            .map(|&(kind, user, key, mark)| {
                let name = LIMITS.get(kind).map_or(VOLATILE, |(name, _)| name);
                let sent = event(name).data(self.unique()).from(USERS[user]);
                match key {
                    Some(key) => sent.marked(KEYS[key], mark),
                    None => sent,
                }
            })
            .collect();
        let options = Options {
            counter: Some(counter),
            known: Some(known.clone()),
            seen,
            words,
        };
        let arguments = self.nodes[node].append_arguments(ROOMS[room], &sent, &LIMITS, &options);
        let (reply, mut feed) = self.listen(|nodes| nodes[node].run(&script::APPEND, arguments.clone()).unwrap());
        let reply = reply::append(&reply).unwrap();
        self.last.insert((node, room), (arguments, counter, reply.clone()));
        let Some(is_new_epoch) = self.renews(room, &known, seen) else {
            assert_eq!((reply, feed.len()), (AppendReply::Gone, 0));
            return;
        };
        if words.contains("repeat") && (is_new_epoch || self.rooms[room].epoch != known) {
            assert_eq!((reply, feed.len()), (AppendReply::Unknown, 0));
            return;
        }
        let AppendReply::Stored { epoch, seq, answers } = reply else {
            panic!("{reply:?}")
        };
        if is_new_epoch {
            self.renew(room, &known, seen, &epoch);
            let message = RoomMessage::parse(&feed.remove(0)).unwrap();
            let expected = self.rooms[room].seq;
            assert!(matches!(message, RoomMessage::Epoch { epoch: told, seq, .. } if told == epoch && seq == expected));
        }
        assert_eq!(*epoch, *self.rooms[room].epoch);
        let (expected, published) = self.accept(room, events, &sent);
        assert_eq!((seq, answers), (self.rooms[room].seq, expected.clone()));
        self.rooms[room].answered.insert(self.nodes[node].name, counter);
        if published.is_empty() {
            assert!(feed.is_empty());
        } else {
            let RoomMessage::Batch(batch) = RoomMessage::parse(&feed.remove(0)).unwrap() else {
                panic!("a batch")
            };
            let told: Vec<_> = batch
                .events
                .iter()
                .map(|event| (event.event.to_string(), event.body.to_vec()))
                .collect();
            let published: Vec<_> = published
                .into_iter()
                .map(|(name, text)| (name, text.into_bytes()))
                .collect();
            assert_eq!(
                (&*batch.epoch, &*batch.node, batch.counter, batch.seq),
                (&*epoch, self.nodes[node].name, counter, seq)
            );
            assert_eq!((batch.answers, told), (expected.clone(), published));
            assert_eq!(
                batch.position.is_some(),
                expected.iter().any(|answer| matches!(answer, EventAnswer::Stored(_)))
            );
            assert!(feed.is_empty());
        }
        if !is_lost {
            self.known[node][room] = (epoch.to_string(), seq);
        }
    }

    /// What the model does with a batch: the answers, and what is published.
    fn accept(
        &mut self,
        index: usize,
        events: &[(usize, usize, Option<usize>, char)],
        sent: &[Sent],
    ) -> (Vec<EventAnswer>, Vec<(String, String)>) {
        let room = &mut self.rooms[index];
        let (mut answers, mut published, mut changed) = (Vec::new(), Vec::new(), [false; 2]);
        for (&(kind, user, key, mark), sent) in events.iter().zip(sent) {
            let name = key.map(|key| (index, user, key));
            if let Some((own, seq)) = name.and_then(|name| self.keys.get(&name))
                && *own == room.own
            {
                answers.push(EventAnswer::Repeated(*seq));
            } else if name.is_some() && mark == 'x' {
                answers.push(EventAnswer::Forgotten);
            } else if kind >= LIMITS.len() {
                answers.push(EventAnswer::Published);
                published.push((sent.event.clone(), format!(r#"{{"volatile":"{}"}}"#, sent.data)));
            } else {
                room.seq += 1;
                let before = room.accepted[kind].last().copied().unwrap_or(0);
                let frame = frame(&sent.event, ROOMS[index], &sent.data, &sent.sender);
                let text = format!(
                    "{} {before} {}\n{}{frame}{}}}",
                    room.seq,
                    sent.sender.len(),
                    sent.sender,
                    room.seq
                );
                let former = self
                    .used
                    .insert((index, room.epoch.clone(), room.seq), sent.data.clone());
                assert_eq!(former, None, "no number is used twice in an epoch");
                room.accepted[kind].push(room.seq);
                room.kept[kind].push((room.lineage, room.seq, text.clone()));
                changed[kind] = true;
                answers.push(EventAnswer::Stored(room.seq));
                published.push((sent.event.clone(), text));
                if let Some(name) = name {
                    self.keys.insert(name, (room.own.clone(), room.seq));
                }
            }
        }
        for (kind, (_, limit)) in LIMITS.iter().enumerate() {
            let excess = room.kept[kind].len().saturating_sub(usize::try_from(*limit).unwrap());
            if changed[kind] {
                room.kept[kind].drain(..excess);
            }
        }
        (answers, published)
    }

    /// Sends a node's last batch again.
    fn again(&mut self, node: usize, room: usize) {
        let Some(((names, mut args), counter, reply)) = self.last.get(&(node, room)).cloned() else {
            return;
        };
        if self.rooms[room].answered.get(self.nodes[node].name) != Some(&counter) {
            // It was refused, or lost.
            return;
        }
        args[1] = RUNS[self.run].into();
        args[10] = [&args[10][..], b" repeat"].concat().into();
        let before = self.nodes[0].dump();
        let (again, feed) = self.listen(|nodes| nodes[node].run(&script::APPEND, (names, args)).unwrap());
        assert_eq!((reply::append(&again).unwrap(), feed.len()), (reply, 0));
        assert_eq!(self.nodes[0].dump(), before);
    }

    fn position(&mut self, node: usize, room: usize) {
        let (mut known, mut seen) = self.known[node][room].clone();
        if self.renews(room, &known, seen).is_none() {
            let (rooms, feed) = self.listen(|nodes| nodes[node].positions(&[(ROOMS[room], "first", &known, seen)]));
            assert_eq!((rooms, feed.len()), (vec![RoomPosition::Gone], 0));
            (known, seen) = (String::new(), 0);
        }
        let is_new_epoch = self.renews(room, &known, seen) == Some(true);
        let (mut rooms, feed) = self.listen(|nodes| nodes[node].positions(&[(ROOMS[room], "first", &known, seen)]));
        let RoomPosition::Room { epoch, seq, types, .. } = rooms.remove(0) else {
            panic!("a room")
        };
        assert_eq!(feed.len(), usize::from(is_new_epoch));
        if is_new_epoch {
            self.renew(room, &known, seen, &epoch);
        }
        let model = &self.rooms[room];
        assert_eq!((&*epoch, seq), (&*model.epoch, model.seq));
        let types: BTreeMap<_, _> = types.iter().map(|(name, seq)| (&**name, *seq)).collect();
        let expected = LIMITS
            .iter()
            .zip(&model.accepted)
            .filter_map(|((name, _), all)| Some((*name, *all.last()?)));
        assert_eq!(types, expected.collect());
        self.known[node][room] = (epoch.to_string(), seq);
    }

    fn delete(&mut self, room: usize, stays: bool) {
        let (own, next) = (self.rooms[room].own.clone(), format!("o{}", self.unique()));
        for _ in 0..2 {
            let reply = self.nodes[0]
                .try_delete(ROOMS[room], &own, &next, stays, &["m", "o"])
                .unwrap();
            assert_eq!(reply, DeleteReply::Deleted);
        }
        let record = if stays { format!("d {next}") } else { String::new() };
        self.incarnate(room, next, record);
    }

    fn create(&mut self, room: usize) {
        let own = format!("o{}", self.unique());
        let create = |node: usize| self.nodes[node].create(ROOMS[room], &own, &["m", "o"]);
        if self.rooms[room].record.starts_with('c') {
            assert_eq!(create(0), CreateReply::Exists);
            return;
        }
        let created = create(0);
        assert!(matches!(created, CreateReply::Created { .. }));
        assert_eq!(create(1), created);
        let record = format!("c {own} {{}}");
        self.incarnate(room, own, record);
    }

    fn incarnate(&mut self, room: usize, own: String, record: String) {
        self.keys.retain(|(of, ..), _| *of != room);
        let epoch: String = self.nodes[0].redis(&[b"HGET", &self.nodes[0].keys.meta(ROOMS[room]), b"epoch"]);
        assert!(epoch.starts_with(&format!("{own}.")) && self.epochs.insert(epoch.clone()));
        let lineage = self.unique();
        let answered = std::mem::take(&mut self.rooms[room].answered);
        let run = RUNS[self.run];
        self.rooms[room] = Room {
            exists: true,
            own,
            epoch,
            run,
            lineage,
            answered,
            record,
            ..Room::default()
        };
    }

    fn erase(&mut self, index: usize, kind: usize, at: usize) {
        let room = &mut self.rooms[index];
        let Some(first) = room.kept[kind].first() else { return };
        if !room.exists || first.0 != room.lineage {
            return;
        }
        let at = at % room.kept[kind].len();
        let (_, seq, text) = &mut room.kept[kind][at];
        let (head, rest) = text.split_once('\n').unwrap();
        let remains = format!(r#"{{"erased":{seq}}}"#);
        let erased = format!("{head}\n{}{remains}", &rest[..3]);
        let expected = if erased == *text {
            EraseAnswer::Already
        } else {
            EraseAnswer::Erased
        };
        let reply = self.nodes[0].try_erase(
            ROOMS[index],
            &format!("{}.", room.own),
            &["m", "o"],
            &[(kind + 1, *seq, &remains)],
        );
        assert_eq!(reply.unwrap(), EraseReply::Erased(vec![expected]));
        *text = erased;
    }

    /// What Redis has is what was accepted, and it never claims more.
    pub(super) fn check(&mut self) {
        for (room, model) in ROOMS.iter().zip(&self.rooms) {
            if !model.exists || model.run != RUNS[self.run] {
                continue;
            }
            let node = &self.nodes[0];
            let known = ReadOptions {
                known: model.epoch.clone(),
                seen: model.seq,
                ..ReadOptions::default()
            };
            let ReadReply::Read { epoch, seq, types } = node.try_read(room, &[("m", 100), ("o", 100)], &known).unwrap()
            else {
                panic!("events")
            };
            assert_eq!((&*epoch, seq), (&*model.epoch, model.seq));
            for (kind, read) in types.iter().enumerate() {
                let (readable, mark) = model.readable(kind);
                let texts: Vec<_> = readable.iter().map(|kept| kept.2.as_bytes()).collect();
                assert_eq!(
                    (
                        &read.entries.iter().map(|entry| &**entry).collect::<Vec<_>>(),
                        read.mark
                    ),
                    (&texts, mark)
                );
                assert!(!read.has_older);
            }
            for after in model.seq.saturating_sub(8)..=model.seq {
                for kinds in [&[0][..], &[1], &[0, 1]] {
                    let most = |kind| if kinds.contains(&kind) { 100 } else { 0 };
                    let options = ReadOptions {
                        after: Some(after),
                        ..known.clone()
                    };
                    let reply = node
                        .try_read(room, &[("m", most(0)), ("o", most(1))], &options)
                        .unwrap();
                    let is_read = matches!(&reply, ReadReply::Read { .. });
                    assert_eq!(is_read, model.reaches(kinds, after), "{room} {after} {kinds:?}");
                }
            }
            let own = node.room(room).0;
            assert_eq!(own, model.own);
        }
    }
}
