//! A cluster in one process: nodes that share one fake store, with a feed that loses, delays, repeats and reorders messages.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Beginning, Cluster, Contact, Feed, FeedBatch, FeedEvent, Position, Published, Unfit, Volatile};
use crate::id::{EventName, RoomId, UserId};
use crate::log::durable::{
    Answer, Append, AppendKey, Appended, Done, DurableLog, ErasedPlace, ExpiredEvent, IndexedRoom, KeyOutcome, NewRoom,
    PerType, RoomExists, RoomKey, StoreHealth, StoreRun, StoredPlace, StoredRoom, StoredWindow, Wanted, Watch,
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

/// What the nodes share.
pub(crate) struct Hub {
    pub(crate) store: Arc<FakeStore>,
    feeds: Mutex<Vec<Arc<dyn Feed>>>,
    /// Of the next messages. Without one, a message arrives.
    fates: Mutex<VecDeque<Fate>>,
}

impl Hub {
    pub(crate) fn new(fates: impl IntoIterator<Item = Fate>) -> Arc<Self> {
        Arc::new(Self {
            store: FakeStore::new(),
            feeds: Mutex::default(),
            fates: Mutex::new(fates.into_iter().collect()),
        })
    }

    /// One more node, before its server is built.
    pub(crate) fn node(self: &Arc<Self>) -> Arc<FakeNode> {
        let hub = Arc::clone(self);
        Arc::new(FakeNode {
            hub,
            number: Mutex::new(0),
        })
    }

    fn broadcast(&self, from: usize, room: &RoomId, batch: &FeedBatch) {
        let feeds = self.feeds.lock().clone();
        for (number, feed) in feeds.into_iter().enumerate() {
            let (room, batch) = (room.clone(), batch.clone());
            let fate = match number == from {
                true => Fate::IsLost,
                false => self.fates.lock().pop_front().unwrap_or(Fate::Arrives),
            };
            match fate {
                Fate::IsLost => {}
                Fate::Arrives => feed.entries(&room, batch),
                Fate::ArrivesTwice => {
                    feed.entries(&room, batch.clone());
                    feed.entries(&room, batch);
                }
                Fate::IsLate(milliseconds) => {
                    let (feed, room) = (Arc::clone(&feed), room.clone());
                    tokio::spawn(async move {
                        sleep(Duration::from_millis(milliseconds)).await;
                        feed.entries(&room, batch);
                    });
                }
            }
            tokio::spawn(async move {
                sleep(CHECKED_AFTER).await;
                feed.check(&room);
            });
        }
    }
}

/// One node's view of the log.
pub(crate) struct FakeNode {
    hub: Arc<Hub>,
    number: Mutex<usize>,
}

impl std::fmt::Debug for FakeNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeNode").finish_non_exhaustive()
    }
}

impl Cluster for FakeNode {
    fn begin(&self) -> BoxFuture<'static, Result<Beginning, Unfit>> {
        let beginning = Beginning {
            run: self.hub.store.run(),
            index: self.hub.store.index().unwrap_or_default(),
        };
        async move { Ok(beginning) }.boxed()
    }

    fn listen(&self, feed: Arc<dyn Feed>) {
        let mut feeds = self.hub.feeds.lock();
        *self.number.lock() = feeds.len();
        feeds.push(feed);
    }

    fn follow(&self, room: RoomId) -> Answer<Position> {
        self.position(room)
    }

    fn unfollow(&self, _: &RoomId) {}

    fn position(&self, room: RoomId) -> Answer<Position> {
        let hub = Arc::clone(&self.hub);
        async move {
            let key = hub.store.room(&room).await?.key;
            let window = hub.store.window(key.clone(), Arc::new(|_| 0), LogBounds::NONE);
            let (epoch, seq) = (key.epoch, window.await?.top);
            let incarnation = Arc::clone(&epoch);
            Ok(Position {
                incarnation,
                epoch,
                seq,
            })
        }
        .boxed()
    }

    fn publish(&self, event: Volatile) {
        let epoch = Arc::clone(&event.room.epoch);
        let stored = StoredEvent {
            event: event.event,
            seq: None,
            body: event.frame.text.clone(),
        };
        let events = vec![FeedEvent {
            stored,
            frame: event.frame,
        }];
        let batch = FeedBatch { epoch, seq: 0, events };
        self.hub.broadcast(usize::MAX, &event.room.id, &batch);
        (event.done)(Published::Sent);
    }

    fn contact(&self) -> watch::Receiver<Contact> {
        watch::channel(Contact::Connected).1
    }
}

impl DurableLog for FakeNode {
    fn append(&self, append: Append) {
        let (hub, number, done) = (Arc::clone(&self.hub), *self.number.lock(), append.done);
        let (room, event) = (append.room.clone(), append.event.clone());
        let tell = move |outcome| match outcome {
            Appended::Stored { seq, frame, .. } => {
                let stored = StoredEvent {
                    event,
                    seq: Some(seq),
                    body: frame.text.clone(),
                };
                let events = vec![FeedEvent {
                    stored,
                    frame: frame.clone(),
                }];
                let epoch = Arc::clone(&room.epoch);
                hub.broadcast(number, &room.id, &FeedBatch { epoch, seq, events });
                let epoch = Some(Arc::clone(&room.epoch));
                done(Appended::Stored { seq, epoch, frame });
            }
            other => done(other),
        };
        self.hub.store.append(Append {
            done: Box::new(tell),
            ..append
        });
    }

    fn create_room(&self, room: NewRoom) -> Answer<Result<Arc<str>, RoomExists>> {
        self.hub.store.create_room(room)
    }

    fn delete_room(&self, room: RoomKey, stays_deleted: bool, done: Done<Result<bool, StoreFailure>>) {
        self.hub.store.delete_room(room, stays_deleted, done);
    }

    fn index(&self) -> Result<Vec<IndexedRoom>, StoreFailure> {
        self.hub.store.index()
    }

    fn room(&self, id: &RoomId) -> Answer<StoredRoom> {
        self.hub.store.room(id)
    }

    fn rooms(&self, ids: Vec<RoomId>) -> Answer<Vec<StoredRoom>> {
        self.hub.store.rooms(ids)
    }

    fn first_epoch(&self, id: &str) -> Arc<str> {
        self.hub.store.first_epoch(id)
    }

    fn window(&self, room: RoomKey, per_type: PerType, bounds: LogBounds) -> Answer<StoredWindow> {
        self.hub.store.window(room, per_type, bounds)
    }

    fn since(&self, room: RoomKey, after: u64, through: u64, wanted: Wanted, bounds: LogBounds) -> Answer<Replay> {
        self.hub.store.since(room, after, through, wanted, bounds)
    }

    fn newest(&self, room: RoomKey, through: u64, per_type: PerType, bounds: LogBounds) -> Answer<Vec<StoredEvent>> {
        self.hub.store.newest(room, through, per_type, bounds)
    }

    fn page(&self, room: RoomKey, event: EventName, before: u64, limit: usize, bounds: LogBounds) -> Answer<LogPage> {
        self.hub.store.page(room, event, before, limit, bounds)
    }

    fn outcome_of(&self, room: RoomKey, key: AppendKey) -> Answer<KeyOutcome> {
        self.hub.store.outcome_of(room, key)
    }

    fn expired(&self, bounds: LogBounds) -> Answer<Vec<ExpiredEvent>> {
        self.hub.store.expired(bounds)
    }

    fn remove(&self, expired: Vec<ExpiredEvent>) -> Answer<()> {
        self.hub.store.remove(expired)
    }

    fn run(&self) -> StoreRun {
        self.hub.store.run()
    }

    fn revoke(&self, user: UserId, at: u64) -> Answer<()> {
        self.hub.store.revoke(user, at)
    }

    fn events_of(&self, user: UserId, after: i64, limit: usize) -> Answer<Vec<StoredPlace>> {
        self.hub.store.events_of(user, after, limit)
    }

    fn erase(&self, events: Vec<ErasedPlace>, done: Done<Result<Vec<ErasedPlace>, StoreFailure>>) {
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
