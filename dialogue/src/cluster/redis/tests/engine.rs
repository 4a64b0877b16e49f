//! Calls the scripts as a node would, with every argument in the test's hand.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use bytes::Bytes;
use redis::{Connection, PubSub, RedisError, Value};

use super::server::Server;
use crate::cluster::redis::change_position::ChangePosition;
use crate::cluster::redis::entry::Entry;
use crate::cluster::redis::keys::{Keys, Partition, contact_key, key_field};
use crate::cluster::redis::message::RoomMessage;
use crate::cluster::redis::reply::{self, *};
use crate::cluster::redis::script::{self, Script};

pub(super) type Called<T> = Result<T, RedisError>;

/// Histories and how many events each keeps.
pub(super) const M: &[(&str, u64)] = &[("m", 100)];

/// What one connection of a node knows.
pub(super) struct Node {
    pub(super) connection: RefCell<Connection>,
    pub(super) name: &'static str,
    pub(super) server: Cell<&'static str>,
    pub(super) keys: Keys,
    pub(super) command: &'static str,
    pub(super) counter: Cell<u64>,
    /// The partition of rooms that are not said.
    pub(super) partition: Partition,
}

/// An event of a batch.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) event: String,
    pub(super) data: String,
    pub(super) sender: String,
    pub(super) key: Option<(String, char)>,
}

/// An event of type `event`.
pub(super) fn event(event: &str) -> Sent {
    Sent {
        event: event.to_owned(),
        data: "x".to_owned(),
        sender: "ada".to_owned(),
        key: None,
    }
}

impl Sent {
    pub(super) fn data(mut self, data: impl ToString) -> Self {
        self.data = data.to_string();
        self
    }

    pub(super) fn from(mut self, sender: &str) -> Self {
        self.sender = sender.to_owned();
        self
    }

    pub(super) fn key(self, key: &str) -> Self {
        self.marked(key, 'u')
    }

    pub(super) fn marked(mut self, key: &str, mark: char) -> Self {
        self.key = Some((key.to_owned(), mark));
        self
    }
}

pub(super) fn frame(event: &str, room: &str, data: &str, sender: &str) -> String {
    format!(r#"{{"type":"event","event":"{event}","roomId":"{room}","data":"{data}","from":"{sender}","seq":"#)
}

/// The arguments of an append that a test changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub(super) counter: Option<u64>,
    pub(super) known: Option<String>,
    pub(super) seen: u64,
    pub(super) words: &'static str,
}

/// The arguments of a read that a test changes.
#[derive(Debug, Clone)]
pub(super) struct ReadOptions {
    pub(super) known: String,
    pub(super) seen: u64,
    pub(super) renew: bool,
    pub(super) all: bool,
    pub(super) after: Option<u64>,
    pub(super) through: Option<u64>,
    pub(super) events: u64,
    pub(super) bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            known: "first.".to_owned(),
            seen: 0,
            renew: false,
            all: true,
            after: None,
            through: None,
            events: 1_000,
            bytes: 1 << 20,
        }
    }
}

pub(super) fn after(after: u64) -> ReadOptions {
    ReadOptions {
        after: Some(after),
        ..ReadOptions::default()
    }
}

pub(super) fn through(through: u64) -> ReadOptions {
    ReadOptions {
        through: Some(through),
        ..ReadOptions::default()
    }
}

/// Keys and arguments.
pub(super) type Arguments = (Vec<Bytes>, Vec<Bytes>);

fn args(texts: &[&str]) -> Vec<Bytes> {
    texts
        .iter()
        .map(|text| Bytes::copy_from_slice(text.as_bytes()))
        .collect()
}

impl Node {
    pub(super) fn new(server: &Server) -> Self {
        Self::on(server.connect(), "node1")
    }

    pub(super) fn on(connection: Connection, name: &'static str) -> Self {
        let keys = Keys::new("dialogue", 0, 1).unwrap();
        Self {
            connection: RefCell::new(connection),
            name,
            server: Cell::new("run1"),
            partition: keys.partition(""),
            keys,
            command: "PUBLISH",
            counter: Cell::new(0),
        }
    }

    /// A command of Redis itself.
    pub(super) fn redis<T: redis::FromRedisValue>(&self, words: &[&[u8]]) -> T {
        self.try_redis(words).unwrap()
    }

    pub(super) fn try_redis<T: redis::FromRedisValue>(&self, words: &[&[u8]]) -> Called<T> {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        command.query(&mut *self.connection.borrow_mut())
    }

    /// Everything that Redis has.
    pub(super) fn dump(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let keys: Vec<Vec<u8>> = self.redis(&[b"KEYS", b"*"]);
        keys.into_iter()
            .map(|key| {
                let value = self.redis(&[b"DUMP", &key]);
                (key, value)
            })
            .collect()
    }

    pub(super) fn run(&self, script: &Script, (keys, args): Arguments) -> Called<Value> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.sha1()).arg(keys.len());
        for text in keys.iter().chain(&args) {
            command.arg(&**text);
        }
        let connection = &mut *self.connection.borrow_mut();
        match command.query(connection) {
            Err(error) if error.code() == Some("NOSCRIPT") => {
                let _: String = redis::cmd("SCRIPT").arg("LOAD").arg(script.text()).query(connection)?;
                command.query(connection)
            }
            other => other,
        }
    }

    fn head(&self) -> Vec<Bytes> {
        thread_local!(static FRESH: Cell<u64> = const { Cell::new(0) });
        let fresh = FRESH.replace(FRESH.get() + 1);
        args(&[self.command, self.server.get(), &format!("g{fresh}")])
    }

    pub(super) fn append_arguments(
        &self,
        room: &str,
        events: &[Sent],
        limits: &[(&str, u64)],
        options: &Options,
    ) -> Arguments {
        let counter = options.counter.unwrap_or_else(|| {
            self.counter.set(self.counter.get() + 1);
            self.counter.get()
        });
        let has_all = options.words.contains("renew");
        let is_sent = |name: &str| events.iter().any(|event| event.event == name);
        let histories: Vec<_> = limits.iter().filter(|(name, _)| has_all || is_sent(name)).collect();
        let mut types: Vec<String> = histories.iter().map(|(name, _)| (*name).to_owned()).collect();
        for event in events {
            if !types.contains(&event.event) {
                types.push(event.event.clone());
            }
        }
        let keys = &self.keys;
        let mut names = vec![keys.meta(room), keys.log(self.partition)];
        names.extend(histories.iter().map(|(name, _)| keys.events(room, &(*name).into())));
        if events.iter().any(|event| event.key.is_some()) {
            names.extend(keys.idempotency(room));
        }
        if options.words.contains("archive") {
            names.extend([keys.trim(self.partition), keys.trimming(self.partition)]);
        }
        let mut all = self.head();
        let known = options.known.as_deref().unwrap_or("first.");
        all.extend(args(&["first", known, &options.seen.to_string(), room]));
        all.push(keys.channel(room));
        all.extend(args(&[
            self.name,
            &counter.to_string(),
            options.words,
            &types.len().to_string(),
        ]));
        for (index, name) in types.iter().enumerate() {
            let limit = histories
                .get(index)
                .map(|(_, limit)| limit.to_string())
                .unwrap_or_default();
            all.extend(args(&[name, &limit]));
        }
        for event in events {
            let index = types.iter().position(|name| *name == event.event).unwrap();
            let text = match index < histories.len() {
                true => format!(
                    "{}\n{}{}",
                    event.sender.len(),
                    event.sender,
                    frame(&event.event, room, &event.data, &event.sender)
                ),
                false => format!(r#"{{"volatile":"{}"}}"#, event.data),
            };
            all.extend(args(&[&(index + 1).to_string(), &text]));
            let key = event
                .key
                .as_ref()
                .map(|(key, mark)| [&[*mark as u8][..], &key_field(&event.sender.as_str().into(), key)].concat());
            all.push(key.unwrap_or_default().into());
        }
        (names, all)
    }

    pub(super) fn try_append(
        &self,
        room: &str,
        events: &[Sent],
        limits: &[(&str, u64)],
        options: &Options,
    ) -> Called<AppendReply> {
        let arguments = self.append_arguments(room, events, limits, options);
        self.run(&script::APPEND, arguments)
            .map(|reply| reply::append(&reply).unwrap())
    }

    pub(super) fn append_with(
        &self,
        room: &str,
        events: &[Sent],
        limits: &[(&str, u64)],
        options: &Options,
    ) -> AppendReply {
        self.try_append(room, events, limits, options).unwrap()
    }

    pub(super) fn append(&self, room: &str, events: &[Sent], limits: &[(&str, u64)]) -> AppendReply {
        self.append_with(room, events, limits, &Options::default())
    }

    /// One event of type `m`.
    pub(super) fn one(&self, room: &str) -> AppendReply {
        self.append(room, &[event("m")], M)
    }

    pub(super) fn try_read(&self, room: &str, types: &[(&str, u64)], options: &ReadOptions) -> Called<ReadReply> {
        let keys = &self.keys;
        let mut names = vec![keys.meta(room), keys.log(self.partition)];
        names.extend(types.iter().map(|(name, _)| keys.events(room, &(*name).into())));
        let mut all = self.head();
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        all.extend(args(&["first", &options.known, &options.seen.to_string(), room]));
        all.push(keys.channel(room));
        all.extend(args(&[
            if options.renew { "renew" } else { "" },
            if options.all { "all" } else { "" },
            &number(options.after),
            &number(options.through),
            &options.events.to_string(),
            &options.bytes.to_string(),
        ]));
        for (name, most) in types {
            all.extend(args(&[name, &most.to_string()]));
        }
        self.run(&script::READ, (names, all))
            .map(|reply| reply::read(&reply).unwrap())
    }

    /// The types of a read that must work.
    pub(super) fn read_with(&self, room: &str, types: &[(&str, u64)], options: &ReadOptions) -> Vec<TypeReply> {
        match self.try_read(room, types, options).unwrap() {
            ReadReply::Read { types, .. } => types,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn read(&self, room: &str, types: &[(&str, u64)]) -> Vec<TypeReply> {
        self.read_with(room, types, &ReadOptions::default())
    }

    /// Whether everything after a number is there.
    pub(super) fn reaches(&self, room: &str, types: &[(&str, u64)], number: u64) -> bool {
        matches!(
            self.try_read(room, types, &after(number)).unwrap(),
            ReadReply::Read { .. }
        )
    }

    /// Each room with the own part if it has no metadata, the epoch that the node knows, and the number seen.
    pub(super) fn try_positions(&self, rooms: &[(&str, &str, &str, u64)], renew: bool) -> Called<PositionReply> {
        let mut names = vec![self.keys.log(self.partition)];
        let mut all = self.head();
        all.extend(args(&[if renew { "renew" } else { "" }]));
        for (room, first, known, seen) in rooms {
            names.push(self.keys.meta(room));
            all.extend(args(&[room]));
            all.push(self.keys.channel(room));
            all.extend(args(&[first, known, &seen.to_string()]));
        }
        self.run(&script::POSITION, (names, all))
            .map(|reply| reply::position(&reply).unwrap())
    }

    pub(super) fn positions(&self, rooms: &[(&str, &str, &str, u64)]) -> Vec<RoomPosition> {
        self.try_positions(rooms, false).unwrap().rooms
    }

    /// Epoch and last number.
    pub(super) fn position(&self, room: &str) -> (String, u64) {
        match &self.positions(&[(room, "first", "", 0)])[0] {
            RoomPosition::Room { epoch, seq, .. } => (epoch.to_string(), *seq),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn try_rooms(&self, rooms: &[&str]) -> Called<Vec<RoomReply>> {
        let mut names = vec![self.keys.rooms(self.partition)];
        names.extend(rooms.iter().map(|room| self.keys.meta(room)));
        let all = [args(&["", "", ""]), args(rooms)].concat();
        self.run(&script::ROOMS, (names, all))
            .map(|reply| reply::rooms(&reply).unwrap())
    }

    /// Own part and record of a room.
    pub(super) fn room(&self, room: &str) -> (String, RoomRecordText) {
        match self.try_rooms(&[room]).unwrap().remove(0) {
            RoomReply::Room { own, record } => (own.to_string(), record),
            RoomReply::Foreign => panic!("foreign"),
        }
    }

    fn incarnation(&self, room: &str, own: &str, types: &[&str]) -> Arguments {
        let keys = &self.keys;
        let mut names = vec![keys.meta(room), keys.log(self.partition), keys.rooms(self.partition)];
        names.extend(types.iter().map(|name| keys.events(room, &(*name).into())));
        names.extend(keys.idempotency(room));
        let mut all = self.head();
        all.extend(args(&["first", own, room]));
        all.extend([keys.channel(room), keys.partition_channel(self.partition)]);
        (names, all)
    }

    pub(super) fn try_create(&self, room: &str, own: &str, record: &str, types: &[&str]) -> Called<CreateReply> {
        let (names, mut all) = self.incarnation(room, own, types);
        all.extend(args(&[record]));
        all.extend(args(types));
        self.run(&script::CREATE_ROOM, (names, all))
            .map(|reply| reply::create_room(&reply).unwrap())
    }

    pub(super) fn create(&self, room: &str, own: &str, types: &[&str]) -> CreateReply {
        self.try_create(room, own, "{}", types).unwrap()
    }

    pub(super) fn try_delete(
        &self,
        room: &str,
        own: &str,
        next: &str,
        stays: bool,
        types: &[&str],
    ) -> Called<DeleteReply> {
        let (names, mut all) = self.incarnation(room, next, types);
        all.extend(args(&[own, if stays { "stays" } else { "" }]));
        all.extend(args(types));
        self.run(&script::DELETE_ROOM, (names, all))
            .map(|reply| reply::delete_room(&reply).unwrap())
    }

    pub(super) fn delete(&self, room: &str, own: &str, next: &str, types: &[&str]) -> DeleteReply {
        self.try_delete(room, own, next, false, types).unwrap()
    }

    pub(super) fn try_erase(
        &self,
        room: &str,
        own: &str,
        types: &[&str],
        events: &[(usize, u64, &str)],
    ) -> Called<EraseReply> {
        let mut names = vec![self.keys.meta(room), self.keys.log(self.partition)];
        names.extend(types.iter().map(|name| self.keys.events(room, &(*name).into())));
        let mut all = self.head();
        all.extend(args(&[own, room]));
        all.push(self.keys.channel(room));
        for (index, number, text) in events {
            all.extend(args(&[&index.to_string(), &number.to_string(), text]));
        }
        self.run(&script::ERASE, (names, all))
            .map(|reply| reply::erase(&reply).unwrap())
    }

    pub(super) fn erase(&self, room: &str, types: &[&str], events: &[(usize, u64, &str)]) -> EraseReply {
        self.try_erase(room, "first.", types, events).unwrap()
    }

    pub(super) fn try_changes(&self, since: &str, most: u64) -> Called<ChangesReply> {
        let all = args(&["", "", "", since, &most.to_string()]);
        let names = vec![self.keys.log(self.partition)];
        self.run(&script::CHANGES, (names, all))
            .map(|reply| reply::changes(&reply).unwrap())
    }

    /// The newest position of the change log.
    pub(super) fn newest_change(&self) -> ChangePosition {
        match self.try_changes("", 1).unwrap() {
            ChangesReply::Changes { position, .. } | ChangesReply::Old { position } => position,
        }
    }

    pub(super) fn try_outcome(&self, room: &str, own: &str, user: &str, key: &str, mark: char) -> Called<OutcomeReply> {
        let field = [&[mark as u8][..], &key_field(&user.into(), key)].concat();
        let all = [args(&["", "", "", own]), vec![field.into()]].concat();
        let names = self.keys.idempotency(room).to_vec();
        self.run(&script::OUTCOME, (names, all))
            .map(|reply| reply::outcome(&reply).unwrap())
    }

    pub(super) fn outcome(&self, room: &str, key: &str, mark: char) -> OutcomeReply {
        self.try_outcome(room, "first.", "ada", key, mark).unwrap()
    }

    pub(super) fn try_take(&self, ms: u64, events: u64, bytes: u64) -> Called<TrimmedReply> {
        let names = vec![self.keys.trim(self.partition), self.keys.trimming(self.partition)];
        let all = args(&[
            "",
            "",
            "",
            self.name,
            &ms.to_string(),
            &events.to_string(),
            &bytes.to_string(),
        ]);
        self.run(&script::TRIMMED_TAKE, (names, all))
            .map(|reply| reply::trimmed_take(&reply).unwrap())
    }

    pub(super) fn take(&self, events: u64) -> Vec<TrimmedEntry> {
        match self.try_take(10_000, events, 1 << 20).unwrap() {
            TrimmedReply::Taken { events, .. } => events,
            busy => panic!("{busy:?}"),
        }
    }

    pub(super) fn done(&self, ids: &[Bytes]) -> u64 {
        let all = [args(&["", "", ""]), ids.to_vec()].concat();
        let reply = self
            .run(&script::TRIMMED_DONE, (vec![self.keys.trim(self.partition)], all))
            .unwrap();
        reply::trimmed_done(&reply).unwrap()
    }

    pub(super) fn try_contact(&self, (low, high): (u64, u64), partitions: u16, secret: &str) -> Called<ContactReply> {
        let all = args(&[
            "",
            "",
            "",
            &low.to_string(),
            &high.to_string(),
            &partitions.to_string(),
            secret,
        ]);
        self.run(&script::CONTACT, (vec![contact_key("dialogue")], all))
            .map(|reply| reply::contact(&reply).unwrap())
    }

    /// Changes a stored key.
    pub(super) fn change_key(&self, room: &str, user: &str, key: &str, change: impl Fn(&str) -> String) {
        let field = key_field(&user.into(), key);
        for hash in self.keys.idempotency(room) {
            let value: Option<String> = self.redis(&[b"HGET", &hash, &field]);
            if let Some(value) = value {
                let _: u64 = self.redis(&[b"HSET", &hash, &field, change(&value).as_bytes()]);
            }
        }
    }

    /// Makes a stored key older.
    pub(super) fn age_key(&self, room: &str, key: &str, ms: u64) {
        self.change_key(room, "ada", key, |value| {
            let (head, at) = value.rsplit_once(' ').unwrap();
            format!("{head} {}", at.parse::<u64>().unwrap() - ms)
        });
    }
}

/// Everything that was published.
pub(super) struct Feed<'a>(PubSub<'a>);

impl<'a> Feed<'a> {
    pub(super) fn on(connection: &'a mut Connection) -> Self {
        let mut feed = connection.as_pubsub();
        feed.psubscribe("*").unwrap();
        Self(feed)
    }

    /// Channels and messages since the last call.
    pub(super) fn take(&mut self, node: &Node) -> Vec<(Vec<u8>, Bytes)> {
        let _: u64 = node.redis(&[b"PUBLISH", b"end", b""]);
        let mut all = Vec::new();
        loop {
            let message = self.0.get_message().unwrap();
            if message.get_channel_name() == "end" {
                return all;
            }
            all.push((
                message.get_channel_name().as_bytes().to_vec(),
                message.get_payload_bytes().to_vec().into(),
            ));
        }
    }

    /// The messages about a room.
    pub(super) fn of_room(&mut self, node: &Node) -> Vec<RoomMessage> {
        self.take(node)
            .iter()
            .map(|(_, payload)| RoomMessage::parse(payload).unwrap())
            .collect()
    }
}

/// Epoch, last number and answers of a batch that was stored.
pub(super) fn stored(reply: AppendReply) -> (String, u64, String) {
    use crate::cluster::redis::answers::EventAnswer;
    let AppendReply::Stored { epoch, seq, answers } = reply else {
        panic!("{reply:?}")
    };
    let answers = answers.iter().map(|answer| match answer {
        EventAnswer::Stored(seq) => format!("s{seq}"),
        EventAnswer::Published => "v".to_owned(),
        EventAnswer::Repeated(seq) => format!("r{seq}"),
        EventAnswer::Forgotten => "f".to_owned(),
    });
    (epoch.to_string(), seq, answers.collect::<Vec<_>>().join(" "))
}

/// The numbers of entries.
pub(super) fn numbers(entries: &[Bytes]) -> Vec<u64> {
    entries
        .iter()
        .map(|entry| Entry::parse(entry.clone()).unwrap().seq)
        .collect()
}
