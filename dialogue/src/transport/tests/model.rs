//! A simple specification of what clients must receive. A room of the model never forgets an event. It only records which
//! events the server has evicted. The model has no lock, clock or queue.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::room::SyncHistory;

/// The events of every room, and how many of each the room keeps.
pub(super) const EVENTS: [(&str, Option<usize>); 3] = [("scarce", Some(2)), ("plenty", Some(6)), ("fleeting", None)];

/// The most events that a recovery may replay in these tests.
pub(super) const REPLAY_EVENTS: usize = 4;

/// An event that happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Happened {
    pub(super) event: String,
    pub(super) number: u64,
    pub(super) seq: Option<u64>,
}

/// A frame that a client receives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Received {
    Connected,
    Joined {
        room: String,
        epoch: String,
        seq: u64,
        recovered: Option<bool>,
        events: Vec<Happened>,
    },
    Event(String, Happened),
    Page {
        events: Vec<Happened>,
        more: bool,
    },
    Left(String, Option<String>),
    Ok(Option<u64>),
    Error(String),
    RoomCreated(String),
    RoomDeleted(String),
}

/// A client's subscriptions in a room.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Subscriptions {
    Everything,
    Named(BTreeSet<&'static str>),
}

impl Subscriptions {
    fn names(&self) -> BTreeSet<&'static str> {
        match self {
            Self::Everything => EVENTS.iter().map(|(name, _)| *name).collect(),
            Self::Named(names) => names.clone(),
        }
    }

    fn include(&self, event: &str) -> bool {
        self.names().contains(event)
    }

    fn widens(&self, earlier: &Self) -> bool {
        *self != *earlier && (*self == Self::Everything || !self.names().is_subset(&earlier.names()))
    }
}

/// The position that a client claims.
#[derive(Debug, Clone)]
pub(super) struct Since {
    pub(super) epoch: String,
    pub(super) seq: u64,
}

/// The whole model.
#[derive(Default)]
pub(super) struct Model {
    pub(super) rooms: BTreeMap<&'static str, Room>,
    pub(super) clients: Vec<Client>,
    pub(super) denying: bool,
}

pub(super) struct Room {
    pub(super) epoch: String,
    pub(super) sync: SyncHistory,
    pub(super) max_size: Option<usize>,
    /// Whether the log is in a store: then memory limits only what a first join receives.
    pub(super) is_stored: bool,
    /// Every event with history, numbered from 1.
    events: Vec<Happened>,
    forgotten: BTreeSet<u64>,
}

#[derive(Default)]
pub(super) struct Client {
    pub(super) connection: Option<Connection>,
    /// The numbers in each room that the client must have once it has read everything.
    pub(super) due: BTreeMap<&'static str, Vec<u64>>,
}

#[derive(Default)]
pub(super) struct Connection {
    /// The frames that the client has not read yet.
    pub(super) expected: VecDeque<Received>,
    pub(super) seats: BTreeMap<&'static str, Seat>,
}

#[derive(Clone)]
pub(super) struct Seat {
    subscriptions: Subscriptions,
    /// The client has received every event above this number that it is subscribed to.
    complete_since: u64,
}

impl Room {
    pub(super) fn new(epoch: String, sync: SyncHistory, max_size: Option<usize>) -> Self {
        Self {
            epoch,
            sync,
            max_size,
            is_stored: false,
            events: Vec::new(),
            forgotten: BTreeSet::new(),
        }
    }

    pub(super) fn top(&self) -> u64 {
        self.events.len() as u64
    }

    /// The room is in a store.
    pub(super) fn stored(mut self) -> Self {
        self.is_stored = true;
        self
    }

    /// Records that the server has evicted an event, or has removed it from the store.
    pub(super) fn forget(&mut self, seq: u64) {
        assert!(seq <= self.top(), "event {seq} never happened");
        assert!(self.forgotten.insert(seq), "event {seq} was evicted twice");
    }

    /// Asserts that the room keeps no more events than allowed.
    pub(super) fn assert_within_limits(&self) {
        if self.is_stored {
            return;
        }
        for (name, limit) in EVENTS {
            let kept = self
                .events
                .iter()
                .filter(|event| event.event == name && self.keeps(event));
            assert!(
                limit.is_none_or(|limit| kept.count() <= limit),
                "too many `{name}` are kept"
            );
        }
    }

    /// The numbers up to this one that the room still keeps.
    pub(super) fn kept_through(&self, through: u64) -> impl Iterator<Item = u64> {
        let kept = self.events.iter().filter(|event| self.keeps(event));
        kept.filter_map(|event| event.seq).filter(move |seq| *seq <= through)
    }

    fn keeps(&self, event: &Happened) -> bool {
        event.seq.is_some_and(|seq| !self.forgotten.contains(&seq))
    }

    fn subscribed<'a>(&'a self, subscriptions: &'a Subscriptions) -> impl DoubleEndedIterator<Item = &'a Happened> {
        self.events.iter().filter(|event| subscriptions.include(&event.event))
    }

    fn after<'a>(&'a self, seq: u64, subscriptions: &'a Subscriptions) -> impl Iterator<Item = &'a Happened> {
        self.subscribed(subscriptions)
            .filter(move |event| event.seq > Some(seq))
    }

    /// The events that a returning client missed. `None` if one of them is gone, or if there are too many.
    fn recover(&self, since: &Since, subscriptions: &Subscriptions) -> Option<Vec<Happened>> {
        let due: Vec<Happened> = self.after(since.seq, subscriptions).cloned().collect();
        let is_complete =
            self.epoch == since.epoch && since.seq <= self.top() && due.iter().all(|event| self.keeps(event));
        (is_complete && due.len() <= REPLAY_EVENTS).then_some(due)
    }

    fn on_first_join(&self, subscriptions: &Subscriptions) -> Vec<Happened> {
        let per_type = match self.sync {
            SyncHistory::Off => 0,
            SyncHistory::PerType(count) => count,
            SyncHistory::All => usize::MAX,
        };
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let newest = self.subscribed(subscriptions).rev().filter(|event| self.keeps(event));
        let mut events: Vec<Happened> = newest
            .filter(|event| {
                let count = counts.entry(&event.event).or_default();
                *count += 1;
                *count <= per_type && (!self.is_stored || *count <= limit_of(&event.event))
            })
            .take(REPLAY_EVENTS)
            .cloned()
            .collect();
        events.reverse();
        events
    }
}

/// How many events of a type a room keeps in memory.
fn limit_of(event: &str) -> usize {
    let of_event = EVENTS.iter().find(|(name, _)| *name == event);
    of_event.and_then(|(_, limit)| *limit).unwrap_or(0)
}

impl Model {
    fn size(&self, room: &str) -> usize {
        let seats = self.clients.iter().filter_map(|client| client.connection.as_ref());
        seats.filter(|connection| connection.seats.contains_key(room)).count()
    }

    fn send(&mut self, client: usize, received: Received) {
        if let Some(connection) = &mut self.clients[client].connection {
            connection.expected.push_back(received);
        }
    }

    fn send_to_all(&mut self, received: &Received) {
        for client in 0..self.clients.len() {
            self.send(client, received.clone());
        }
    }

    pub(super) fn refuse(&mut self, client: usize, code: &str) {
        self.send(client, Received::Error(code.to_owned()));
    }

    pub(super) fn seat(&mut self, client: usize, room: &str) -> Option<&mut Seat> {
        self.clients[client].connection.as_mut()?.seats.get_mut(room)
    }

    pub(super) fn connect(&mut self, client: usize) {
        self.clients[client].connection = Some(Connection::default());
        self.send(client, Received::Connected);
    }

    pub(super) fn create(&mut self, id: &'static str, room: Room) {
        self.rooms.insert(id, room);
        self.send_to_all(&Received::RoomCreated(id.to_owned()));
    }

    pub(super) fn delete(&mut self, id: &'static str) {
        self.rooms.remove(id);
        for client in 0..self.clients.len() {
            let connection = self.clients[client].connection.as_mut();
            if connection.is_some_and(|connection| connection.seats.remove(id).is_some()) {
                self.send(client, Received::Left(id.to_owned(), Some("roomDeleted".to_owned())));
            }
        }
        self.send_to_all(&Received::RoomDeleted(id.to_owned()));
    }

    /// Triggers an event in an existing room. Returns the event's number.
    pub(super) fn trigger(&mut self, id: &'static str, event: &str, number: u64) -> Option<u64> {
        let room = self.rooms.get_mut(id).expect("the room");
        let kept = EVENTS.iter().any(|(name, limit)| *name == event && limit.is_some());
        let happened = Happened {
            event: event.to_owned(),
            number,
            seq: kept.then(|| room.top() + 1),
        };
        if kept {
            room.events.push(happened.clone());
        }
        for client in 0..self.clients.len() {
            if self
                .seat(client, id)
                .is_some_and(|seat| seat.subscriptions.include(event))
            {
                self.clients[client].due.entry(id).or_default().extend(happened.seq);
                self.send(client, Received::Event(id.to_owned(), happened.clone()));
            }
        }
        happened.seq
    }

    /// Triggers an event as a client.
    pub(super) fn trigger_by(&mut self, client: usize, id: &'static str, event: &str, number: u64) {
        if self.may_trigger(client, id) {
            let seq = self.trigger(id, event, number);
            self.send(client, Received::Ok(seq));
        }
    }

    /// A client repeats a trigger that has taken place under this number.
    pub(super) fn confirm(&mut self, client: usize, seq: u64) {
        self.send(client, Received::Ok(Some(seq)));
    }

    /// A client reads a page, newest first.
    pub(super) fn page(&mut self, client: usize, id: &'static str, event: &str, before: u64, limit: usize) {
        if self.may_trigger(client, id) {
            let room = &self.rooms[id];
            let of_event = room.events.iter().rev().filter(|happened| happened.event == event);
            let mut older = of_event.filter(|happened| happened.seq < Some(before) && room.keeps(happened));
            let events = older.by_ref().take(limit).cloned().collect();
            let more = older.next().is_some();
            self.send(client, Received::Page { events, more });
        }
    }

    /// Whether a client may trigger and read. If not, it is told so.
    pub(super) fn may_trigger(&mut self, client: usize, id: &'static str) -> bool {
        if !self.rooms.contains_key(id) {
            self.refuse(client, "ROOM_NOT_FOUND");
            return false;
        }
        if self.seat(client, id).is_none() {
            self.refuse(client, "NOT_IN_ROOM");
            return false;
        }
        true
    }

    pub(super) fn join(
        &mut self,
        client: usize,
        id: &'static str,
        wanted: Option<Subscriptions>,
        since: Option<&Since>,
    ) {
        let size = self.size(id);
        let earlier = self.seat(client, id).cloned();
        let Some(room) = self.rooms.get(id) else {
            return self.refuse(client, "ROOM_NOT_FOUND");
        };
        if earlier.is_none() && room.max_size.is_some_and(|max| size >= max) {
            return self.refuse(client, "ROOM_FULL");
        }
        if earlier.is_none() && self.denying {
            return self.refuse(client, "JOIN_DENIED");
        }
        let default = || Subscriptions::Named(["scarce", "plenty"].into());
        let subscriptions = wanted
            .or_else(|| earlier.as_ref().map(|seat| seat.subscriptions.clone()))
            .unwrap_or_else(default);
        let mut complete_since = match &earlier {
            Some(seat) if !subscriptions.widens(&seat.subscriptions) => seat.complete_since,
            _ => room.top(),
        };
        let due = self.clients[client].due.entry(id).or_default();
        let recovery = since.map(|since| match &earlier {
            Some(_) => {
                let is_complete = since.epoch == room.epoch && (complete_since..=room.top()).contains(&since.seq);
                let mut missed = room.after(since.seq, &subscriptions);
                assert!(!is_complete || missed.all(|event| due.contains(&event.seq.unwrap_or(0))));
                is_complete.then(Vec::new)
            }
            None => room.recover(since, &subscriptions).inspect(|replayed| {
                complete_since = since.seq;
                due.retain(|seq| *seq <= since.seq);
                due.extend(replayed.iter().filter_map(|event| event.seq));
            }),
        });
        let recovered = recovery.as_ref().map(Option::is_some);
        let events = recovery.flatten().unwrap_or_else(|| {
            complete_since = room.top();
            let events = room.on_first_join(&subscriptions);
            *due = events.iter().filter_map(|event| event.seq).collect();
            events
        });
        let received = Received::Joined {
            room: id.to_owned(),
            epoch: room.epoch.clone(),
            seq: room.top(),
            recovered,
            events,
        };
        let seat = Seat {
            subscriptions,
            complete_since,
        };
        if let Some(connection) = &mut self.clients[client].connection {
            connection.seats.insert(id, seat);
        }
        self.send(client, received);
    }

    pub(super) fn leave(&mut self, client: usize, id: &str) {
        if !self.rooms.contains_key(id) {
            return self.refuse(client, "ROOM_NOT_FOUND");
        }
        let connection = self.clients[client].connection.as_mut();
        match connection.and_then(|connection| connection.seats.remove(id)) {
            Some(_) => self.send(client, Received::Left(id.to_owned(), None)),
            None => self.refuse(client, "NOT_IN_ROOM"),
        }
    }

    /// Subscribes to one event, or to all events.
    pub(super) fn subscribe(&mut self, client: usize, id: &str, event: Option<&'static str>) {
        let Some(top) = self.rooms.get(id).map(Room::top) else {
            return self.refuse(client, "ROOM_NOT_FOUND");
        };
        let Some(seat) = self.seat(client, id) else {
            return self.refuse(client, "NOT_IN_ROOM");
        };
        let wider = match (event, &seat.subscriptions) {
            (None, _) | (_, Subscriptions::Everything) => Subscriptions::Everything,
            (Some(event), Subscriptions::Named(names)) => {
                Subscriptions::Named(names.iter().copied().chain([event]).collect())
            }
        };
        if wider.widens(&seat.subscriptions) {
            seat.complete_since = top;
        }
        seat.subscriptions = wider;
        self.send(client, Received::Ok(Some(top)));
    }

    pub(super) fn unsubscribe(&mut self, client: usize, id: &str, event: &'static str) {
        if !self.rooms.contains_key(id) {
            return self.refuse(client, "ROOM_NOT_FOUND");
        }
        let Some(seat) = self.seat(client, id) else {
            return self.refuse(client, "NOT_IN_ROOM");
        };
        let mut names = seat.subscriptions.names();
        names.remove(event);
        seat.subscriptions = Subscriptions::Named(names);
        self.send(client, Received::Ok(None));
    }
}
