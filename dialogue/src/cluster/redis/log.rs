//! The log of rooms on Redis, as the runtime sees it.

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;

use super::appender::{Appender, Origin};
use super::archiving::{self, Archiving};
use super::calls::Calls;
use super::message::Batch;
use super::rooms::Deletion;
use super::shared::{LogSettings, NoAgreement, Shared, failed};
use crate::cluster::UnusedDeletion;
use crate::cluster::Volatile;
use crate::id::{EventName, RoomId, UserId};
use crate::log::durable::{
    Answer, Append, AppendKey, Done, DurableLog, ErasedPlace, Expired, ExpiredEvent, IndexedRoom, KeyOutcome, NewRoom,
    PerType, Place, RoomExists, RoomKey, StoreFailure, StoreHealth, StoreRun, StoredRoom, StoredWindow, UserEvents,
    Wanted, Watch,
};
use crate::log::{LogBounds, LogPage, Replay, StoredEvent};

/// The shared log of rooms.
pub(super) struct RedisLog {
    pub(super) shared: Arc<Shared>,
    appender: Arc<Appender>,
    archiving: Arc<Archiving>,
}

impl RedisLog {
    /// Nothing works before [`contact`](Self::contact).
    pub(super) fn new(calls: Arc<dyn Calls>, settings: LogSettings, runtime: tokio::runtime::Handle) -> Self {
        let shared = Arc::new(Shared::new(calls, settings));
        let appender = Arc::new(Appender::new(Arc::clone(&shared), runtime));
        let archiving = Arc::default();
        Self {
            shared,
            appender,
            archiving,
        }
    }

    /// Agrees with the other nodes. Call it when a server is reached.
    pub(super) async fn contact(&self) -> Result<(), NoAgreement> {
        self.shared.contact().await
    }

    /// Publishes an event without history, in the order of the room's events.
    pub(super) fn publish(&self, volatile: Volatile) {
        self.appender.publish(volatile);
    }

    /// Whose batch a message brings.
    pub(super) fn origin(&self, batch: &Batch) -> Origin {
        self.appender.origin(batch)
    }

    /// A message brings a batch of a room: it may be one of this node. Call it when the runtime has the events that only the
    /// feed brings.
    pub(super) fn settle(&self, room: &str, batch: &Batch) {
        self.appender.settle(room, batch);
    }

    /// Deletes a room in the order of its events.
    pub(super) fn delete(&self, room: RoomKey, deletion: Deletion, done: Done<Result<UnusedDeletion, StoreFailure>>) {
        let (shared, id) = (Arc::clone(&self.shared), room.id.clone());
        self.in_order(
            id,
            move || async move { shared.delete_room(room, deletion).await },
            done,
        );
    }

    /// Runs a change of a room after all that came before.
    fn in_order<T: Send + 'static>(
        &self,
        room: RoomId,
        change: impl AsyncFnOnceSend<T>,
        done: Done<Result<T, StoreFailure>>,
    ) {
        self.appender.barrier(
            room,
            Box::new(move |may_begin| match may_begin {
                Ok(()) => change.run().map(done).boxed(),
                Err(failure) => async move { done(Err(failure)) }.boxed(),
            }),
        );
    }
}

/// A change that begins later.
trait AsyncFnOnceSend<T>: Send + 'static {
    fn run(self) -> futures_util::future::BoxFuture<'static, Result<T, StoreFailure>>;
}

impl<T, F, A> AsyncFnOnceSend<T> for F
where
    F: FnOnce() -> A + Send + 'static,
    A: Future<Output = Result<T, StoreFailure>> + Send + 'static,
{
    fn run(self) -> futures_util::future::BoxFuture<'static, Result<T, StoreFailure>> {
        self().boxed()
    }
}

impl DurableLog for RedisLog {
    fn append(&self, append: Append) {
        self.appender.append(append);
    }

    fn create_room(&self, room: NewRoom) -> Answer<Result<Arc<str>, RoomExists>> {
        let (sender, answer) = tokio::sync::oneshot::channel();
        let (shared, id) = (Arc::clone(&self.shared), room.id.clone());
        let done = Box::new(move |outcome| {
            let _nobody_waits = sender.send(outcome);
        });
        self.in_order(id, move || async move { shared.create_room(room).await }, done);
        answer
            .map(|outcome| outcome.unwrap_or(Err(StoreFailure::Closed)))
            .boxed()
    }

    fn delete_room(&self, room: RoomKey, stays_deleted: bool, done: Done<Result<bool, StoreFailure>>) {
        let deletion = match stays_deleted {
            true => Deletion::Stays,
            false => Deletion::Simple,
        };
        let done = |outcome: Result<UnusedDeletion, StoreFailure>| {
            done(outcome.map(|outcome| outcome == UnusedDeletion::Deleted));
        };
        self.delete(room, deletion, Box::new(done));
    }

    fn index(&self) -> Result<Vec<IndexedRoom>, StoreFailure> {
        // Nothing is known before the first contact.
        Ok(Vec::new())
    }

    fn room(&self, id: &RoomId) -> Answer<StoredRoom> {
        let (shared, id) = (Arc::clone(&self.shared), id.clone());
        async move {
            let rooms = shared.rooms(vec![id]).await?;
            rooms
                .into_iter()
                .next()
                .ok_or_else(|| failed("no reply about the room".to_owned()))
        }
        .boxed()
    }

    fn rooms(&self, ids: Vec<RoomId>) -> Answer<Vec<StoredRoom>> {
        let shared = Arc::clone(&self.shared);
        async move { shared.rooms(ids).await }.boxed()
    }

    fn first_epoch(&self, id: &str) -> Arc<str> {
        // Unknown before the first contact. No incarnation has an empty own part, so that it is gone.
        let own = self.shared.agreed().map(|agreed| agreed.first_own(id));
        own.unwrap_or_default().into()
    }

    fn window(&self, room: RoomKey, per_type: PerType, bounds: LogBounds) -> Answer<StoredWindow> {
        let shared = Arc::clone(&self.shared);
        async move {
            let window = shared.window(room, per_type, bounds).await?;
            Ok(window.map(|at| at.value).unwrap_or_default())
        }
        .boxed()
    }

    fn since(&self, room: RoomKey, after: u64, through: u64, wanted: Wanted, bounds: LogBounds) -> Answer<Replay> {
        let shared = Arc::clone(&self.shared);
        async move {
            let epoch = Arc::clone(&room.epoch);
            let replay = shared.since(room, (after, through), wanted, bounds).await?;
            let replay = replay.filter(|at| at.is_in(&epoch));
            Ok(replay.map_or(Replay::Lost, |at| at.value))
        }
        .boxed()
    }

    fn newest(&self, room: RoomKey, through: u64, per_type: PerType, bounds: LogBounds) -> Answer<Vec<StoredEvent>> {
        let shared = Arc::clone(&self.shared);
        async move {
            let epoch = Arc::clone(&room.epoch);
            let events = shared.newest(room, through, per_type, bounds).await?;
            let events = events.filter(|at| at.is_in(&epoch));
            Ok(events.map(|at| at.value).unwrap_or_default())
        }
        .boxed()
    }

    fn page(&self, room: RoomKey, event: EventName, before: u64, limit: usize, bounds: LogBounds) -> Answer<LogPage> {
        let shared = Arc::clone(&self.shared);
        async move {
            let page = shared.page(room, event, (before, limit), bounds).await?;
            Ok(page.map(|at| at.value).unwrap_or_default())
        }
        .boxed()
    }

    fn outcome_of(&self, room: RoomKey, key: AppendKey) -> Answer<KeyOutcome> {
        let shared = Arc::clone(&self.shared);
        async move { shared.outcome_of(room, key).await }.boxed()
    }

    fn expired(&self, bounds: LogBounds) -> Answer<Expired> {
        let (shared, archiving) = (Arc::clone(&self.shared), Arc::clone(&self.archiving));
        async move { archiving.expired(&shared, bounds).await }.boxed()
    }

    fn remove(&self, expired: Vec<ExpiredEvent>) -> Answer<()> {
        let shared = Arc::clone(&self.shared);
        async move { archiving::remove(&shared, expired).await }.boxed()
    }

    fn run(&self) -> StoreRun {
        StoreRun {
            run: run_of(&self.shared.node),
            oldest: 0,
            generation: Arc::clone(&self.shared.node),
            secret: self.shared.agreed().map(|agreed| agreed.secret).unwrap_or_default(),
            revoked: Vec::new(),
        }
    }

    fn revoke(&self, _user: UserId, _at: u64) -> Answer<()> {
        async { Ok(()) }.boxed()
    }

    fn events_of(&self, user: UserId, after: Option<Place>, limit: usize) -> Answer<UserEvents> {
        let shared = Arc::clone(&self.shared);
        async move { shared.events_of(&user, after, limit).await }.boxed()
    }

    fn erase(&self, events: Vec<ErasedPlace>, done: Done<Result<Vec<ErasedPlace>, StoreFailure>>) {
        let shared = Arc::clone(&self.shared);
        self.appender.spawn(async move { done(shared.erase(events).await) });
    }

    fn health(&self) -> StoreHealth {
        self.appender.health()
    }

    fn watch(&self, watch: Watch) {
        self.appender.watch(watch);
    }

    fn close(&self) -> Answer<()> {
        let appender = Arc::clone(&self.appender);
        async move {
            appender.close().await;
            Ok(())
        }
        .boxed()
    }
}

impl fmt::Debug for RedisLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLog")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

/// The number of a node's run: its name, which is random, as a number.
fn run_of(node: &str) -> u64 {
    u64::from_str_radix(node, 16).unwrap_or_default()
}
