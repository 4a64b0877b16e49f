//! A cluster in one process: nodes that share one fake store, with a feed that loses, delays, repeats and reorders messages.

mod contact;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::sleep;

use self::contact::{WhileConnected, is_connected};
use super::{
    Beginning, Cluster, Contact, Erased, Erasures, Feed, FeedBatch, FeedEvent, Position, Published, Unfit,
    UnusedDeletion, Volatile,
};
use crate::id::{EventName, RoomId, UserId};
use crate::log::durable::{
    Answer, Append, AppendKey, Appended, Done, DurableLog, ErasedPlace, Expired, ExpiredEvent, IndexedRoom, KeyOutcome,
    NewRoom, PerType, Place, RoomExists, RoomKey, StoreHealth, StoreRun, StoredRoom, StoredWindow, UserEvents, Wanted,
    Watch,
};
use crate::log::tests::fake_store::FakeStore;
use crate::log::{LogBounds, LogPage, Replay, StoredEvent};
use crate::store_failure::StoreFailure;

/// The time after which a node finds out that it has missed something, as by a change log.
const CHECKED_AFTER: Duration = Duration::from_secs(1);

/// What happens to a message on its way to one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Arrives,
    IsLost,
    ArrivesTwice,
    /// It arrives after this many milliseconds.
    IsLate(u64),
}

/// A message of the feed.
#[derive(Debug, Clone)]
enum Message {
    Entries(RoomId, FeedBatch),
    Renewed(RoomId, Arc<str>, u64),
    Created(RoomId, Arc<str>),
    Deleted(RoomId, Arc<str>),
    Erased(RoomId, Erased),
}

impl Message {
    fn tell(&self, feed: &dyn Feed) {
        match self {
            Self::Entries(room, batch) => feed.entries(room, batch.clone()),
            Self::Renewed(room, epoch, seq) => feed.renewed(room, epoch, *seq),
            Self::Created(room, incarnation) => feed.created(room, incarnation),
            Self::Deleted(room, incarnation) => feed.deleted(room, incarnation),
            Self::Erased(room, erased) => feed.erased(room, erased.clone()),
        }
    }

    /// The room that a node must follow to get the message.
    fn room(&self) -> Option<&RoomId> {
        match self {
            Self::Entries(room, _) | Self::Renewed(room, ..) | Self::Erased(room, _) => Some(room),
            Self::Created(..) | Self::Deleted(..) => None,
        }
    }

    /// Whether it has an event without history: such a message comes at most once.
    fn comes_once(&self) -> bool {
        matches!(self, Self::Entries(_, batch) if batch.events.iter().any(|event| event.stored.seq.is_none()))
    }

    /// Repairs what the message changes, as a change log does.
    fn repair(&self, feed: &dyn Feed, store: &FakeStore) {
        match self {
            Self::Entries(room, _) | Self::Renewed(room, ..) | Self::Erased(room, _) => feed.check(room),
            Self::Created(room, _) | Self::Deleted(room, _) => {
                feed.check(room);
                feed.rooms(store.index().unwrap_or_default(), &|_| true);
            }
        }
    }
}

/// What the nodes share.
pub(crate) struct Hub {
    pub(crate) store: Arc<FakeStore>,
    feeds: Mutex<Vec<Arc<dyn Feed>>>,
    /// Of the next messages. Without one, a message arrives.
    fates: Mutex<VecDeque<Fate>>,
    /// The erasures of each incarnation.
    erasures: Mutex<HashMap<RoomKey, Erasures>>,
    /// How often the epoch of each room was renewed.
    renewals: Mutex<HashMap<RoomId, u64>>,
    /// How many milliseconds late the next outcomes of appends are.
    delays: Mutex<VecDeque<u64>>,
    /// How often each node follows each room.
    following: Mutex<HashMap<(RoomId, usize), usize>>,
    /// Of the next events without history. Without one, an event is sent.
    published: Mutex<VecDeque<Published>>,
}

impl Hub {
    pub(crate) fn new(fates: impl IntoIterator<Item = Fate>) -> Arc<Self> {
        Arc::new(Self {
            store: FakeStore::new(),
            feeds: Mutex::default(),
            fates: Mutex::new(fates.into_iter().collect()),
            erasures: Mutex::default(),
            renewals: Mutex::default(),
            delays: Mutex::default(),
            following: Mutex::default(),
            published: Mutex::default(),
        })
    }

    /// Decides what becomes of the next events without history. One whose outcome is unknown is sent all the same.
    pub(crate) fn plan_published(&self, outcomes: impl IntoIterator<Item = Published>) {
        self.published.lock().extend(outcomes);
    }

    /// One more node, before its server is built. It reaches the store at once.
    pub(crate) fn node(self: &Arc<Self>) -> Arc<FakeNode> {
        let node = self.node_without_contact();
        node.reach();
        node
    }

    /// One more node, which reaches the store when the test calls [`FakeNode::reach`].
    pub(crate) fn node_without_contact(self: &Arc<Self>) -> Arc<FakeNode> {
        let hub = Arc::clone(self);
        Arc::new(FakeNode {
            hub,
            number: Mutex::new(usize::MAX),
            contact: Arc::new(watch::Sender::new(Contact::NotYet)),
            unfit: Arc::default(),
        })
    }

    /// Decides what happens to the next messages.
    pub(crate) fn plan(&self, fates: impl IntoIterator<Item = Fate>) {
        self.fates.lock().extend(fates);
    }

    /// Lets the outcomes of the next appends be late.
    pub(crate) fn delay_outcomes(&self, milliseconds: impl IntoIterator<Item = u64>) {
        self.delays.lock().extend(milliseconds);
    }

    /// Loses a room's newest events, as a failover does, and gives the room another epoch.
    pub(crate) fn renew(&self, room: &RoomId, lost: u64) {
        self.store.lose_newest(room, lost);
        *self.renewals.lock().entry(room.clone()).or_default() += 1;
        let (epoch, seq) = self.end_of(room);
        self.send(usize::MAX, &Message::Renewed(room.clone(), epoch, seq));
    }

    /// A room's present epoch, as clients know it, and its last number.
    pub(crate) fn end_of(&self, room: &RoomId) -> (Arc<str>, u64) {
        let (own, seq) = self.store.end_of(room);
        (self.epoch_of(room, &own), seq)
    }

    fn epoch_of(&self, room: &RoomId, own: &str) -> Arc<str> {
        let renewals = self.renewals.lock().get(room).copied().unwrap_or_default();
        format!("{own}{SEPARATOR}{renewals}").into()
    }

    /// How many nodes follow a room.
    pub(crate) fn followers(&self, room: &str) -> usize {
        let following = self.following.lock();
        following
            .iter()
            .filter(|((id, _), count)| id == room && **count > 0)
            .count()
    }

    fn broadcast(&self, from: usize, room: &RoomId, batch: &FeedBatch) {
        self.send(from, &Message::Entries(room.clone(), batch.clone()));
    }

    fn follows(&self, node: usize, room: &RoomId) -> bool {
        let following = self.following.lock();
        following.get(&(room.clone(), node)).is_some_and(|count| *count > 0)
    }

    /// Sends a message to every node but the node `from`, if the node follows the room that it is about.
    fn send(&self, from: usize, message: &Message) {
        let feeds = self.feeds.lock().clone();
        for (number, feed) in feeds.into_iter().enumerate() {
            let is_told = number != from && message.room().is_none_or(|room| self.follows(number, room));
            let fate = match is_told {
                false => Fate::IsLost,
                true => self.fates.lock().pop_front().unwrap_or(Fate::Arrives),
            };
            match fate {
                Fate::IsLost => {}
                Fate::ArrivesTwice if message.comes_once() => message.tell(&*feed),
                Fate::Arrives => message.tell(&*feed),
                Fate::ArrivesTwice => {
                    message.tell(&*feed);
                    message.tell(&*feed);
                }
                Fate::IsLate(milliseconds) => {
                    let (feed, message) = (Arc::clone(&feed), message.clone());
                    tokio::spawn(async move {
                        sleep(Duration::from_millis(milliseconds)).await;
                        message.tell(&*feed);
                    });
                }
            }
            let (message, store) = (message.clone(), Arc::clone(&self.store));
            tokio::spawn(async move {
                sleep(CHECKED_AFTER).await;
                message.repair(&*feed, &store);
            });
        }
    }

    /// Notes and tells that these events were erased.
    fn tell_erased(&self, places: &[ErasedPlace]) {
        let mut by_room: Vec<(RoomKey, Vec<u64>)> = Vec::new();
        for place in places {
            match by_room.iter_mut().find(|(room, _)| *room == place.room) {
                Some((_, numbers)) => numbers.push(place.seq),
                None => by_room.push((place.room.clone(), vec![place.seq])),
            }
        }
        for (room, numbers) in by_room {
            let count = {
                let mut erasures = self.erasures.lock();
                let of_room = erasures.entry(room.clone()).or_default();
                of_room.count += numbers.len() as u64;
                of_room.latest.extend(&numbers);
                of_room.count
            };
            let epoch = self.epoch_of(&room.id, &room.epoch);
            self.send(usize::MAX, &Message::Erased(room.id, Erased { epoch, numbers, count }));
        }
    }
}

/// Separates the two parts of an epoch.
const SEPARATOR: char = '~';

/// The key with the part of its epoch that stays.
fn own_key(key: RoomKey) -> RoomKey {
    match key.epoch.split_once(SEPARATOR) {
        Some((own, _)) => RoomKey {
            epoch: own.into(),
            id: key.id,
        },
        None => key,
    }
}

/// One node's view of the log.
pub(crate) struct FakeNode {
    hub: Arc<Hub>,
    number: Mutex<usize>,
    contact: Arc<watch::Sender<Contact>>,
    /// Why the node never begins.
    unfit: Arc<Mutex<Option<Unfit>>>,
}

impl FakeNode {
    /// Whether a key names the present epoch of its room.
    fn is_present(&self, key: &RoomKey) -> bool {
        self.hub.end_of(&key.id).0 == key.epoch
    }
}

impl std::fmt::Debug for FakeNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeNode").finish_non_exhaustive()
    }
}

impl Cluster for FakeNode {
    fn begin(&self) -> BoxFuture<'static, Result<Beginning, Unfit>> {
        let (mut contact, unfit) = (self.contact.subscribe(), Arc::clone(&self.unfit));
        let (hub, number) = (Arc::clone(&self.hub), run_of(*self.number.lock()));
        async move {
            let _ = contact.wait_for(is_connected).await.is_ok();
            let unfit = unfit.lock().clone();
            unfit.map_or_else(
                || {
                    let run = StoreRun {
                        run: number,
                        ..hub.store.run()
                    };
                    Ok(Beginning {
                        run,
                        index: hub.store.index().unwrap_or_default(),
                    })
                },
                Err,
            )
        }
        .boxed()
    }

    fn listen(&self, feed: Arc<dyn Feed>) {
        let mut feeds = self.hub.feeds.lock();
        *self.number.lock() = feeds.len();
        let contact = Arc::clone(&self.contact);
        feeds.push(Arc::new(WhileConnected { contact, feed }));
    }

    fn follow(&self, room: RoomId) -> Answer<Position> {
        let number = *self.number.lock();
        *self.hub.following.lock().entry((room.clone(), number)).or_default() += 1;
        self.position(room)
    }

    fn unfollow(&self, room: &RoomId) {
        let number = *self.number.lock();
        if let Some(count) = self.hub.following.lock().get_mut(&(room.clone(), number)) {
            *count -= 1;
        }
    }

    fn delete_unused_room(&self, room: RoomKey, done: Done<Result<UnusedDeletion, StoreFailure>>) {
        let number = *self.number.lock();
        let is_used = |((id, node), count): (&(RoomId, usize), &usize)| *id == room.id && *node != number && *count > 0;
        if self.hub.following.lock().iter().any(is_used) {
            return done(Ok(UnusedDeletion::Used));
        }
        let done = Box::new(|outcome: Result<bool, StoreFailure>| {
            done(outcome.map(|existed| match existed {
                true => UnusedDeletion::Deleted,
                false => UnusedDeletion::NoSuchRoom,
            }));
        });
        self.delete_room(room, false, done);
    }

    fn position(&self, room: RoomId) -> Answer<Position> {
        if let Some(failure) = self.failure() {
            return async { Err(failure) }.boxed();
        }
        let hub = Arc::clone(&self.hub);
        async move {
            // Fails if reads fail.
            hub.store.room(&room).await?;
            let (own, seq) = hub.store.end_of(&room);
            let epoch = hub.epoch_of(&room, &own);
            let key = RoomKey { id: room, epoch: own };
            let erasures = hub.erasures.lock().get(&key).cloned().unwrap_or_default();
            Ok(Position {
                incarnation: key.epoch,
                epoch,
                seq,
                erasures,
            })
        }
        .boxed()
    }

    fn publish(&self, event: Volatile) {
        if let Some(failure) = self.failure() {
            return (event.done)(Published::NotSent(failure));
        }
        let Volatile {
            room,
            event,
            frame,
            ticket,
            done,
            ..
        } = event;
        let outcome = self.hub.published.lock().pop_front().unwrap_or(Published::Sent);
        if ticket.begin() && matches!(outcome, Published::Sent | Published::Unknown(_)) {
            let stored = StoredEvent {
                event,
                seq: None,
                body: frame.text.clone(),
            };
            let events = vec![FeedEvent { stored, frame }];
            let (epoch, seq) = self.hub.end_of(&room.id);
            self.hub
                .broadcast(usize::MAX, &room.id, &FeedBatch { epoch, seq, events });
        }
        done(outcome);
    }

    fn contact(&self) -> watch::Receiver<Contact> {
        self.contact.subscribe()
    }
}

impl DurableLog for FakeNode {
    fn append(&self, append: Append) {
        if let Some(failure) = self.failure() {
            return (append.done)(Appended::Refused(failure));
        }
        let (hub, number, done) = (Arc::clone(&self.hub), *self.number.lock(), append.done);
        let (room, event) = (own_key(append.room), append.event.clone());
        let id = room.id.clone();
        let tell = move |mut outcome| {
            if let Appended::Stored { seq, epoch, frame } = &mut outcome {
                let stored = StoredEvent {
                    event,
                    seq: Some(*seq),
                    body: frame.text.clone(),
                };
                let events = vec![FeedEvent {
                    stored,
                    frame: frame.clone(),
                }];
                let present = hub.end_of(&id).0;
                let batch = FeedBatch {
                    epoch: Arc::clone(&present),
                    seq: *seq,
                    events,
                };
                hub.broadcast(number, &id, &batch);
                *epoch = Some(present);
            }
            match hub.delays.lock().pop_front() {
                None | Some(0) => done(outcome),
                Some(milliseconds) => drop(tokio::spawn(async move {
                    sleep(Duration::from_millis(milliseconds)).await;
                    done(outcome);
                })),
            }
        };
        self.hub.store.append(Append {
            room,
            done: Box::new(tell),
            ..append
        });
    }

    fn create_room(&self, room: NewRoom) -> Answer<Result<Arc<str>, RoomExists>> {
        let (hub, id) = (Arc::clone(&self.hub), room.id.clone());
        let created = self.ask(|store| store.create_room(room));
        async move {
            let outcome = created.await?;
            if let Ok(incarnation) = &outcome {
                hub.send(usize::MAX, &Message::Created(id, Arc::clone(incarnation)));
            }
            Ok(outcome)
        }
        .boxed()
    }

    fn delete_room(&self, room: RoomKey, stays_deleted: bool, done: Done<Result<bool, StoreFailure>>) {
        if let Some(failure) = self.failure() {
            return done(Err(failure));
        }
        let (hub, deleted) = (Arc::clone(&self.hub), room.clone());
        let done = Box::new(move |outcome: Result<bool, StoreFailure>| {
            if outcome == Ok(true) {
                hub.send(usize::MAX, &Message::Deleted(deleted.id, deleted.epoch));
            }
            done(outcome);
        });
        self.hub.store.delete_room(room, stays_deleted, done);
    }

    fn index(&self) -> Result<Vec<IndexedRoom>, StoreFailure> {
        self.hub.store.index()
    }

    fn room(&self, id: &RoomId) -> Answer<StoredRoom> {
        self.ask(|store| store.room(id))
    }

    fn rooms(&self, ids: Vec<RoomId>) -> Answer<Vec<StoredRoom>> {
        self.ask(|store| store.rooms(ids))
    }

    fn first_epoch(&self, id: &str) -> Arc<str> {
        self.hub.store.first_epoch(id)
    }

    fn window(&self, room: RoomKey, per_type: PerType, bounds: LogBounds) -> Answer<StoredWindow> {
        self.ask(|store| store.window(own_key(room), per_type, bounds))
    }

    fn since(&self, room: RoomKey, after: u64, through: u64, wanted: Wanted, bounds: LogBounds) -> Answer<Replay> {
        match self.is_present(&room) {
            true => self.ask(|store| store.since(own_key(room), after, through, wanted, bounds)),
            false => async { Ok(Replay::Lost) }.boxed(),
        }
    }

    fn newest(&self, room: RoomKey, through: u64, per_type: PerType, bounds: LogBounds) -> Answer<Vec<StoredEvent>> {
        match self.is_present(&room) {
            true => self.ask(|store| store.newest(own_key(room), through, per_type, bounds)),
            false => async { Ok(Vec::new()) }.boxed(),
        }
    }

    fn page(&self, room: RoomKey, event: EventName, before: u64, limit: usize, bounds: LogBounds) -> Answer<LogPage> {
        self.ask(|store| store.page(own_key(room), event, before, limit, bounds))
    }

    fn outcome_of(&self, room: RoomKey, key: AppendKey) -> Answer<KeyOutcome> {
        self.ask(|store| store.outcome_of(own_key(room), key))
    }

    fn expired(&self, bounds: LogBounds) -> Answer<Expired> {
        self.ask(|store| store.expired(bounds))
    }

    fn remove(&self, expired: Vec<ExpiredEvent>) -> Answer<()> {
        self.ask(|store| store.remove(expired))
    }

    fn run(&self) -> StoreRun {
        self.hub.store.run()
    }

    fn revoke(&self, user: UserId, at: u64) -> Answer<()> {
        self.ask(|store| store.revoke(user, at))
    }

    fn events_of(&self, user: UserId, after: Option<Place>, limit: usize) -> Answer<UserEvents> {
        self.ask(|store| store.events_of(user, after, limit))
    }

    fn erase(&self, events: Vec<ErasedPlace>, done: Done<Result<Vec<ErasedPlace>, StoreFailure>>) {
        if let Some(failure) = self.failure() {
            return done(Err(failure));
        }
        let hub = Arc::clone(&self.hub);
        let done = Box::new(move |outcome: Result<Vec<ErasedPlace>, StoreFailure>| {
            if let Ok(places) = &outcome {
                hub.tell_erased(places);
            }
            done(outcome);
        });
        self.hub.store.erase(events, done);
    }

    fn health(&self) -> StoreHealth {
        self.hub.store.health()
    }

    fn watch(&self, watch: Watch) {
        self.hub.store.watch(watch);
    }

    fn close(&self) -> Answer<()> {
        async { Ok(()) }.boxed()
    }
}

/// The number of a node's run. Those of nodes have no order.
fn run_of(node: usize) -> u64 {
    1_000 - node as u64
}
