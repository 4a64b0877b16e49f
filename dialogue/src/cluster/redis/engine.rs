//! The engine: the shared log of rooms with its feed, as the runtime sees it.
//!
//! - [`parts`] is what its tasks have in common. [`followed`] has the rooms that this node follows, and [`questions`] puts
//!   questions for their positions together.
//! - [`begin`] does what comes before the first client, and [`hello`] repeats what other nodes need.
//! - [`router`] takes what the connections report, and [`encode`] makes what the runtime gets of it. [`watch`] finds what the
//!   feed has lost.

mod begin;
mod encode;
mod followed;
mod hello;
mod parts;
mod questions;
mod router;
mod watch;

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use self::parts::Parts;
use self::questions::Questions;
use self::router::Router;
use super::calls::Calls;
use super::error::RedisError;
use super::log::RedisLog;
use super::rooms::Deletion;
use super::route::Connections;
use super::settings::Redis;
use super::shared::LogSettings;
use crate::cluster::{Beginning, Cluster, Contact, Feed, Position, Unfit, UnusedDeletion, Volatile};
use crate::id::{EventName, RoomId, UserId};
use crate::log::durable::{
    Answer, Append, AppendKey, Done, DurableLog, ErasedPlace, Expired, ExpiredEvent, IndexedRoom, KeyOutcome, NewRoom,
    PerType, Place, RoomExists, RoomKey, StoreFailure, StoreHealth, StoreRun, StoredRoom, StoredWindow, UserEvents,
    Wanted, Watch,
};
use crate::log::{LogBounds, LogPage, Replay};

/// What the application decides, apart from the settings of Redis.
pub(crate) struct Options {
    /// Whether trimmed events go to the application first.
    pub(crate) archives: bool,
    /// The most bytes of events that wait.
    pub(crate) queue_bytes: usize,
    /// The fingerprint of the contract.
    pub(crate) fingerprint: String,
}

/// The shared log of rooms on Redis, with its feed.
pub(crate) struct RedisCluster {
    parts: Arc<Parts>,
    tasks: Arc<Tasks>,
}

/// Tasks that end with the engine.
#[derive(Default)]
struct Tasks(Mutex<Vec<JoinHandle<()>>>);

impl RedisCluster {
    /// Checks the settings, and connects in the background. Call it in a runtime.
    pub(crate) fn start(redis: Redis, options: Options) -> Result<Self, RedisError> {
        let router = Arc::new(Router::default());
        let of_connections = Arc::clone(&router);
        let connections = Connections::start(redis, Arc::new(move |event| of_connections.take(event)))?;
        let settings = connections.settings();
        let log_settings = LogSettings {
            prefix: settings.prefix.to_string(),
            database: settings.login.database,
            partitions: settings.partitions,
            archives: options.archives,
            queue_bytes: options.queue_bytes,
        };
        let (timing, allows_eviction) = (settings.timing, settings.allow_eviction);
        let connections = Arc::new(connections);
        let calls: Arc<dyn Calls> = Arc::<Connections>::clone(&connections);
        let log = Arc::new(RedisLog::new(Arc::clone(&calls), log_settings, Handle::current()));
        router.set_log(&log);
        let followed = Arc::clone(&router.followed);
        let parts = Arc::new(Parts {
            questions: Arc::new(Questions::new(
                Arc::clone(&log.shared),
                Arc::clone(&followed),
                Handle::current(),
            )),
            connections,
            calls,
            log,
            followed,
            router,
            timing,
            allows_eviction,
            emptied: tokio::sync::Notify::new(),
            fingerprint: options.fingerprint,
        });
        let tasks = Arc::default();
        Ok(Self { parts, tasks })
    }
}

impl Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.lock().push(tokio::spawn(task));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in self.0.get_mut() {
            task.abort();
        }
    }
}

impl Cluster for RedisCluster {
    fn begin(&self) -> BoxFuture<'static, Result<Beginning, Unfit>> {
        let (parts, tasks) = (Arc::clone(&self.parts), Arc::downgrade(&self.tasks));
        async move {
            let (beginning, seen) = begin::begin(Arc::clone(&parts))
                .await
                .map_err(|error| Arc::new(error) as Unfit)?;
            if let Some(tasks) = tasks.upgrade() {
                tasks.spawn(watch::watch(Arc::clone(&parts), seen));
                tasks.spawn(hello::hello(parts));
            }
            Ok(beginning)
        }
        .boxed()
    }

    fn listen(&self, feed: Arc<dyn Feed>) {
        self.parts.router.set_feed(feed);
    }

    fn follow(&self, room: RoomId) -> Answer<Position> {
        self.parts.follow(room)
    }

    fn unfollow(&self, room: &RoomId) {
        self.parts.unfollow(room);
    }

    fn position(&self, room: RoomId) -> Answer<Position> {
        self.parts.questions.ask(room)
    }

    fn publish(&self, event: Volatile) {
        self.parts.log.publish(event);
    }

    fn delete_unused_room(&self, room: RoomKey, done: Done<Result<UnusedDeletion, StoreFailure>>) {
        let channel = self.parts.one_room(room.id.clone()).map(|room| room.channel);
        // The subscription of this node counts, too.
        let is_own = channel.is_ok_and(|channel| self.parts.followed.is_subscribed(&channel));
        let subscribed = usize::from(is_own);
        self.parts.log.delete(room, Deletion::Unused { subscribed }, done);
    }

    fn contact(&self) -> tokio::sync::watch::Receiver<Contact> {
        self.parts.calls.contact()
    }
}

/// Everything about the log itself is its own.
impl DurableLog for RedisCluster {
    fn append(&self, append: Append) {
        self.parts.log.append(append);
    }

    fn create_room(&self, room: NewRoom) -> Answer<Result<Arc<str>, RoomExists>> {
        self.parts.log.create_room(room)
    }

    fn delete_room(&self, room: RoomKey, stays_deleted: bool, done: Done<Result<bool, StoreFailure>>) {
        self.parts.log.delete_room(room, stays_deleted, done);
    }

    fn index(&self) -> Result<Vec<IndexedRoom>, StoreFailure> {
        self.parts.log.index()
    }

    fn room(&self, id: &RoomId) -> Answer<StoredRoom> {
        self.parts.log.room(id)
    }

    fn rooms(&self, ids: Vec<RoomId>) -> Answer<Vec<StoredRoom>> {
        self.parts.log.rooms(ids)
    }

    fn first_epoch(&self, id: &str) -> Arc<str> {
        self.parts.log.first_epoch(id)
    }

    fn window(&self, room: RoomKey, per_type: PerType, bounds: LogBounds) -> Answer<StoredWindow> {
        self.parts.log.window(room, per_type, bounds)
    }

    fn since(&self, room: RoomKey, after: u64, through: u64, wanted: Wanted, bounds: LogBounds) -> Answer<Replay> {
        self.parts.log.since(room, after, through, wanted, bounds)
    }

    fn newest(
        &self,
        room: RoomKey,
        through: u64,
        per_type: PerType,
        bounds: LogBounds,
    ) -> Answer<Vec<crate::log::StoredEvent>> {
        self.parts.log.newest(room, through, per_type, bounds)
    }

    fn page(&self, room: RoomKey, event: EventName, before: u64, limit: usize, bounds: LogBounds) -> Answer<LogPage> {
        self.parts.log.page(room, event, before, limit, bounds)
    }

    fn outcome_of(&self, room: RoomKey, key: AppendKey) -> Answer<KeyOutcome> {
        self.parts.log.outcome_of(room, key)
    }

    fn expired(&self, bounds: LogBounds) -> Answer<Expired> {
        self.parts.log.expired(bounds)
    }

    fn remove(&self, expired: Vec<ExpiredEvent>) -> Answer<()> {
        self.parts.log.remove(expired)
    }

    fn run(&self) -> StoreRun {
        self.parts.log.run()
    }

    fn revoke(&self, user: UserId, at: u64) -> Answer<()> {
        self.parts.log.revoke(user, at)
    }

    fn events_of(&self, user: UserId, after: Option<Place>, limit: usize) -> Answer<UserEvents> {
        self.parts.log.events_of(user, after, limit)
    }

    fn erase(&self, events: Vec<ErasedPlace>, done: Done<Result<Vec<ErasedPlace>, StoreFailure>>) {
        self.parts.log.erase(events, done);
    }

    fn health(&self) -> StoreHealth {
        self.parts.log.health()
    }

    fn watch(&self, watch: Watch) {
        self.parts.log.watch(watch);
    }

    fn close(&self) -> Answer<()> {
        self.parts.log.close()
    }
}

impl fmt::Debug for RedisCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCluster")
            .field("log", &self.parts.log)
            .finish_non_exhaustive()
    }
}
