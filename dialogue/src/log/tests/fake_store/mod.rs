//! A store in memory whose every outcome a test decides: when a change is stored, and whether.
//!
//! [`FakeStore::new`] stores each change at once. [`FakeStore::manual`] lets changes wait until the test calls
//! [`commit`](FakeStore::commit), [`refuse`](FakeStore::refuse), [`lose`](FakeStore::lose) or
//! [`hide`](FakeStore::hide). What it keeps outlives it: [`FakeStore::restart`] opens it again.

mod data;

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use self::data::Data;
use crate::id::{EventName, RoomId, UserId};
use crate::log::durable::{
    Answer, Append, AppendKey, Appended, Done, DurableLog, ErasedPlace, Expired, ExpiredEvent, IndexedRoom, KeyOutcome,
    NewRoom, PerType, Place, RoomExists, RoomKey, StoreFailure, StoreHealth, StoreRun, StoredRoom, StoredWindow,
    UserEvents, Wanted, Watch,
};
use crate::log::{LogBounds, LogPage, Replay, StoredEvent};

/// A store in memory. All of its changes happen on the thread that decides their outcome.
pub(crate) struct FakeStore {
    data: Arc<Mutex<Data>>,
    control: Mutex<Control>,
    /// How many changes wait.
    waiting: watch::Sender<usize>,
    /// Whether reads may end.
    reads_end: watch::Sender<bool>,
    /// Whether the read that has an answer already may end.
    held_read_ends: watch::Sender<bool>,
}

#[derive(Default)]
struct Control {
    is_manual: bool,
    is_closed: bool,
    /// Its process was killed: it reads nothing any more.
    is_killed: bool,
    changes: VecDeque<Change>,
    /// The outcomes of the next changes of a store that is not manual. Afterwards, each is stored.
    plan: VecDeque<Verdict>,
    read_failure: Option<StoreFailure>,
    /// The next read reads at once, and waits with its answer.
    holds_next_read: bool,
    /// The most bytes that may wait.
    limit: Option<usize>,
    health: StoreHealth,
    watch: Option<Arc<Watch>>,
}

enum Change {
    Append(Box<Append>),
    Create(
        NewRoom,
        oneshot::Sender<Result<Result<Arc<str>, RoomExists>, StoreFailure>>,
    ),
    Delete(RoomKey, bool, Done<Result<bool, StoreFailure>>),
    Erase(Vec<ErasedPlace>, Done<Result<Vec<ErasedPlace>, StoreFailure>>),
}

/// What happens to a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is stored.
    Commit,
    /// It is not stored.
    Refuse(StoreFailure),
    /// Its outcome is unknown. It is not stored.
    Lose(StoreFailure),
    /// Its outcome is unknown. It is stored.
    Hide(StoreFailure),
    /// It repeats the event with this number. Anything but an append is stored.
    Repeat(u64),
}

/// The failure that tests use.
pub(crate) fn broken() -> StoreFailure {
    StoreFailure::Failed {
        reason: "a test has broken it".to_owned(),
    }
}

impl FakeStore {
    /// An empty store that stores each change at once, on the thread of the caller.
    pub(crate) fn new() -> Arc<Self> {
        Self::of(Arc::default(), false)
    }

    /// An empty store whose changes wait for the test.
    pub(crate) fn manual() -> Arc<Self> {
        Self::of(Arc::default(), true)
    }

    fn of(data: Arc<Mutex<Data>>, is_manual: bool) -> Arc<Self> {
        Arc::new(Self {
            data,
            control: Mutex::new(Control {
                is_manual,
                ..Control::default()
            }),
            waiting: watch::Sender::new(0),
            reads_end: watch::Sender::new(true),
            held_read_ends: watch::Sender::new(true),
        })
    }

    /// Ends this store as `kill -9` does: what waits is lost, and nothing learns of it. Opens it again.
    pub(crate) fn restart(&self) -> Arc<Self> {
        let lost = {
            let mut control = self.control.lock();
            (control.is_closed, control.is_killed) = (true, true);
            std::mem::take(&mut control.changes)
        };
        drop(lost);
        let is_manual = self.control.lock().is_manual;
        self.data.lock().begin_run();
        Self::of(Arc::clone(&self.data), is_manual)
    }

    /// Changes all epochs, from the next start on.
    pub(crate) fn begin_generation(&self) {
        self.data.lock().begin_generation();
    }

    /// Lets changes wait from now on, or stores them at once.
    pub(crate) fn set_manual(&self, is_manual: bool) {
        self.control.lock().is_manual = is_manual;
    }

    /// Decides what happens to the next changes of a store that is not manual.
    pub(crate) fn plan(&self, verdicts: impl IntoIterator<Item = Verdict>) {
        self.control.lock().plan.extend(verdicts);
    }

    /// Forgets what was decided about the next changes.
    pub(crate) fn clear_plan(&self) {
        self.control.lock().plan.clear();
    }

    pub(crate) fn is_manual(&self) -> bool {
        self.control.lock().is_manual
    }

    /// The store works again, although nothing was stored.
    pub(crate) fn recover(&self) {
        self.note_health(&Verdict::Commit);
    }

    /// How many changes wait.
    pub(crate) fn waiting(&self) -> usize {
        self.control.lock().changes.len()
    }

    /// Waits until this many changes wait.
    pub(crate) async fn until_waiting(&self, changes: usize) {
        let mut waiting = self.waiting.subscribe();
        let _ = waiting.wait_for(|waiting| *waiting == changes).await;
    }

    /// Stores the change that has waited longest. Appends that were withdrawn are refused, as by every store.
    #[track_caller]
    pub(crate) fn commit(&self) {
        self.decide(Verdict::Commit);
    }

    /// Stores every change that waits.
    pub(crate) fn commit_all(&self) {
        while self.waiting() > 0 {
            self.commit();
        }
    }

    /// Refuses the change that has waited longest.
    #[track_caller]
    pub(crate) fn refuse(&self, failure: StoreFailure) {
        self.decide(Verdict::Refuse(failure));
    }

    /// Does not store the change that has waited longest, and does not say so.
    #[track_caller]
    pub(crate) fn lose(&self, failure: StoreFailure) {
        self.decide(Verdict::Lose(failure));
    }

    /// Stores the change that has waited longest, and does not say so.
    #[track_caller]
    pub(crate) fn hide(&self, failure: StoreFailure) {
        self.decide(Verdict::Hide(failure));
    }

    /// Says of the change that has waited longest that it repeats the event with this number.
    #[track_caller]
    pub(crate) fn repeat(&self, seq: u64) {
        self.decide(Verdict::Repeat(seq));
    }

    /// Begins every append that waits: none can be withdrawn any more.
    pub(crate) fn begin(&self) {
        for change in &self.control.lock().changes {
            if let Change::Append(append) = change {
                append.ticket.begin();
            }
        }
    }

    /// Decides about the change that has waited longest.
    #[track_caller]
    fn decide(&self, verdict: Verdict) {
        let change = self.control.lock().changes.pop_front();
        let change = change.expect("a change that waits");
        self.note_waiting();
        self.end(change, verdict);
    }

    fn note_waiting(&self) {
        let waiting = self.control.lock().changes.len();
        self.waiting.send_replace(waiting);
    }

    fn submit(&self, change: Change) {
        let refused = {
            let mut control = self.control.lock();
            let bytes = waiting_bytes(&control.changes) + bytes_of(&change);
            let limit = control.limit.filter(|limit| bytes > *limit);
            match (control.is_closed, limit) {
                (true, _) => Some((change, Verdict::Refuse(StoreFailure::Closed))),
                (_, Some(limit)) => Some((change, Verdict::Refuse(StoreFailure::Overloaded { limit }))),
                _ if control.is_manual => {
                    control.changes.push_back(change);
                    None
                }
                _ => {
                    let verdict = control.plan.pop_front().unwrap_or(Verdict::Commit);
                    Some((change, verdict))
                }
            }
        };
        match refused {
            Some((change, verdict)) => self.end(change, verdict),
            None => self.note_waiting(),
        }
    }

    /// Carries out a verdict, and reports the outcome outside of every lock.
    fn end(&self, change: Change, verdict: Verdict) {
        self.note_health(&verdict);
        match change {
            Change::Append(append) => {
                let was_withdrawn = !append.ticket.begin() && append.ticket.is_withdrawn();
                let (outcome, done) = match verdict {
                    _ if was_withdrawn => (Appended::Refused(StoreFailure::TimedOut { seconds: 0 }), append.done),
                    Verdict::Refuse(failure) => (Appended::Refused(failure), append.done),
                    Verdict::Lose(failure) => (Appended::Unknown(failure), append.done),
                    Verdict::Commit => self.data.lock().append(*append),
                    Verdict::Repeat(seq) => (Appended::Repeated { seq }, append.done),
                    Verdict::Hide(failure) => (Appended::Unknown(failure), self.data.lock().append(*append).1),
                };
                done(outcome);
            }
            Change::Create(new, answer) => {
                let outcome = match verdict {
                    Verdict::Commit | Verdict::Repeat(_) => Ok(self.data.lock().create(new)),
                    Verdict::Hide(failure) => {
                        let _ = self.data.lock().create(new);
                        Err(failure)
                    }
                    Verdict::Refuse(failure) | Verdict::Lose(failure) => Err(failure),
                };
                let _ = answer.send(outcome);
            }
            Change::Delete(room, stays_deleted, done) => {
                let outcome = match verdict {
                    Verdict::Commit | Verdict::Repeat(_) => Ok(self.data.lock().delete(&room, stays_deleted)),
                    Verdict::Hide(failure) => {
                        self.data.lock().delete(&room, stays_deleted);
                        Err(failure)
                    }
                    Verdict::Refuse(failure) | Verdict::Lose(failure) => Err(failure),
                };
                done(outcome);
            }
            Change::Erase(events, done) => {
                let outcome = match verdict {
                    Verdict::Commit | Verdict::Repeat(_) => Ok(self.data.lock().erase(events)),
                    Verdict::Hide(failure) => {
                        self.data.lock().erase(events);
                        Err(failure)
                    }
                    Verdict::Refuse(failure) | Verdict::Lose(failure) => Err(failure),
                };
                done(outcome);
            }
        }
    }

    fn note_health(&self, verdict: &Verdict) {
        let (watch, failing) = {
            let mut control = self.control.lock();
            let failing = match verdict {
                Verdict::Commit | Verdict::Repeat(_) => None,
                Verdict::Refuse(failure) => {
                    control.health.refused += 1;
                    Some(failure.clone())
                }
                Verdict::Lose(failure) | Verdict::Hide(failure) => {
                    control.health.unknown += 1;
                    Some(failure.clone())
                }
            };
            let is_change = control.health.failing.is_some() != failing.is_some();
            control.health.failing.clone_from(&failing);
            (control.watch.clone().filter(|_| is_change), failing)
        };
        if let Some(watch) = watch {
            watch(failing.as_ref());
        }
    }

    /// Lets every read fail, or succeed again.
    pub(crate) fn fail_reads(&self, failure: Option<StoreFailure>) {
        self.control.lock().read_failure = failure;
    }

    /// Lets reads wait, or end again.
    pub(crate) fn hold_reads(&self, is_held: bool) {
        self.reads_end.send_replace(!is_held);
    }

    /// Lets the next read wait with its answer, which soon is out of date.
    pub(crate) fn hold_next_read(&self) {
        self.control.lock().holds_next_read = true;
        self.held_read_ends.send_replace(false);
    }

    /// Lets that read end.
    #[track_caller]
    pub(crate) fn release_read(&self) {
        assert!(!self.control.lock().holds_next_read, "a read has begun");
        self.held_read_ends.send_replace(true);
    }

    /// Refuses changes while more bytes wait.
    pub(crate) fn bound(&self, limit: usize) {
        self.control.lock().limit = Some(limit);
    }

    /// Forgets the earlier runs, as ten minutes do.
    #[cfg_attr(
        not(feature = "sqlite"),
        expect(dead_code, reason = "only the tests of earlier runs use it")
    )]
    pub(crate) fn forget_earlier_runs(&self) {
        self.data.lock().forget_earlier_runs();
    }

    /// Forgets the oldest key, as if there were too many.
    #[cfg_attr(
        not(feature = "sqlite"),
        expect(dead_code, reason = "only the tests of earlier runs use it")
    )]
    pub(crate) fn forget_oldest_key(&self) {
        self.data.lock().forget_oldest_key();
    }

    /// Lets a room's events up to this number expire.
    pub(crate) fn let_expire(&self, room: &str, through: u64) {
        self.data.lock().let_expire(room, through);
    }

    /// A room's events.
    pub(crate) fn events(&self, room: &str) -> Vec<StoredEvent> {
        self.data.lock().events(room)
    }

    /// Loses a room's newest events, with their keys, as a failover may.
    pub(crate) fn lose_newest(&self, room: &RoomId, events: u64) {
        self.data.lock().lose_newest(room, events);
    }

    /// A room's epoch, and its last number.
    pub(crate) fn end_of(&self, room: &RoomId) -> (Arc<str>, u64) {
        self.data.lock().end_of(room)
    }

    /// Whether the store has been closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.control.lock().is_closed
    }

    fn read<T: Send + 'static>(&self, read: impl FnOnce(&mut Data) -> T + Send + 'static) -> Answer<T> {
        let (data, mut reads_end) = (Arc::clone(&self.data), self.reads_end.subscribe());
        let mut control = self.control.lock();
        let killed = control.is_killed.then_some(StoreFailure::Closed);
        let failure = killed.or_else(|| control.read_failure.clone());
        let is_held = std::mem::take(&mut control.holds_next_read);
        drop(control);
        if is_held {
            let (answer, mut ends) = (read(&mut data.lock()), self.held_read_ends.subscribe());
            return async move {
                let _ = ends.wait_for(|may_end| *may_end).await;
                Ok(answer)
            }
            .boxed();
        }
        async move {
            let _ = reads_end.wait_for(|may_end| *may_end).await;
            match failure {
                Some(failure) => Err(failure),
                None => Ok(read(&mut data.lock())),
            }
        }
        .boxed()
    }
}

fn bytes_of(change: &Change) -> usize {
    match change {
        Change::Append(append) => append.prepared.len(),
        Change::Create(..) | Change::Delete(..) | Change::Erase(..) => 0,
    }
}

fn waiting_bytes(changes: &VecDeque<Change>) -> usize {
    changes.iter().map(bytes_of).sum()
}

impl std::fmt::Debug for FakeStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeStore").finish_non_exhaustive()
    }
}

impl DurableLog for FakeStore {
    fn append(&self, append: Append) {
        self.submit(Change::Append(Box::new(append)));
    }

    fn create_room(&self, room: NewRoom) -> Answer<Result<Arc<str>, RoomExists>> {
        let (sender, receiver) = oneshot::channel();
        self.submit(Change::Create(room, sender));
        async move { receiver.await.unwrap_or(Err(StoreFailure::Closed)) }.boxed()
    }

    fn delete_room(&self, room: RoomKey, stays_deleted: bool, done: Done<Result<bool, StoreFailure>>) {
        self.submit(Change::Delete(room, stays_deleted, done));
    }

    fn index(&self) -> Result<Vec<IndexedRoom>, StoreFailure> {
        Ok(self.data.lock().index())
    }

    fn room(&self, id: &RoomId) -> Answer<StoredRoom> {
        let id = id.clone();
        self.read(move |data| data.room(&id))
    }

    fn rooms(&self, ids: Vec<RoomId>) -> Answer<Vec<StoredRoom>> {
        self.read(move |data| ids.iter().map(|id| data.room(id)).collect())
    }

    fn first_epoch(&self, id: &str) -> Arc<str> {
        self.data.lock().first_epoch(id)
    }

    fn window(&self, room: RoomKey, per_type: PerType, bounds: LogBounds) -> Answer<StoredWindow> {
        self.read(move |data| data.window(&room, &*per_type, bounds))
    }

    fn since(&self, room: RoomKey, after: u64, through: u64, wanted: Wanted, bounds: LogBounds) -> Answer<Replay> {
        self.read(move |data| data.since(&room, after, through, &*wanted, bounds))
    }

    fn newest(&self, room: RoomKey, through: u64, per_type: PerType, bounds: LogBounds) -> Answer<Vec<StoredEvent>> {
        self.read(move |data| data.newest(&room, through, &*per_type, bounds))
    }

    fn page(&self, room: RoomKey, event: EventName, before: u64, limit: usize, bounds: LogBounds) -> Answer<LogPage> {
        self.read(move |data| data.page(&room, &event, before, limit, bounds))
    }

    fn outcome_of(&self, room: RoomKey, key: AppendKey) -> Answer<KeyOutcome> {
        self.read(move |data| data.outcome_of(&room, &key))
    }

    fn run(&self) -> StoreRun {
        self.data.lock().describe_run()
    }

    fn revoke(&self, user: UserId, at: u64) -> Answer<()> {
        self.read(move |data| data.revoke(user, at))
    }

    fn events_of(&self, user: UserId, after: Option<Place>, limit: usize) -> Answer<UserEvents> {
        self.read(move |data| data.events_of(&user, after.as_ref(), limit))
    }

    fn erase(&self, events: Vec<ErasedPlace>, done: Done<Result<Vec<ErasedPlace>, StoreFailure>>) {
        self.submit(Change::Erase(events, done));
    }

    fn expired(&self, bounds: LogBounds) -> Answer<Expired> {
        self.read(move |data| data.expired(bounds))
    }

    fn remove(&self, expired: Vec<ExpiredEvent>) -> Answer<()> {
        self.read(move |data| data.remove(&expired))
    }

    fn health(&self) -> StoreHealth {
        let control = self.control.lock();
        StoreHealth {
            waiting: control.changes.len(),
            waiting_bytes: waiting_bytes(&control.changes),
            bytes: self.data.lock().bytes() as u64,
            ..control.health.clone()
        }
    }

    fn watch(&self, watch: Watch) {
        self.control.lock().watch = Some(Arc::new(watch));
    }

    fn close(&self) -> Answer<()> {
        self.control.lock().is_closed = true;
        let mut waiting = self.waiting.subscribe();
        async move {
            let _ = waiting.wait_for(|waiting| *waiting == 0).await;
            Ok(())
        }
        .boxed()
    }
}
