//! The seam between the runtime and a log that outlives the process: what the runtime asks, and what a store answers.
//!
//! The authority over a room's log is either the memory log, under the room's lock, or one [`DurableLog`]. Owns no
//! storage: [`sqlite`](super::sqlite) implements the trait.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::bounds::LogBounds;
use super::event::StoredEvent;
use super::page::LogPage;
use super::replay::Replay;
use crate::id::{ClientId, EventName, RoomId, UserId};
use crate::protocol::{EventFrame, PreparedEvent};
pub use crate::store_failure::StoreFailure;

/// The answer to a read, or to a change that no other change of the room has to follow.
pub(crate) type Answer<T> = BoxFuture<'static, Result<T, StoreFailure>>;

/// Called once with the outcome of a change, on the store's own thread, in the order of the log. It must not wait. If several nodes
/// share the log, these are the changes of this node; those of others come with the feed.
pub(crate) type Done<T> = Box<dyn FnOnce(T) + Send>;

/// Which events a read wants.
pub(crate) type Wanted = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// How many events of each type a read wants.
pub(crate) type PerType = Arc<dyn Fn(&str) -> usize + Send + Sync>;

/// Called with why the store fails, or with `None` when it works again.
pub(crate) type Watch = Box<dyn Fn(Option<&StoreFailure>) + Send + Sync>;

/// A log that outlives the process. One process uses it at a time, unless it is a [`Cluster`](crate::cluster::Cluster).
///
/// **Changes** (`append`, `create_room`, `delete_room`, …) take effect in the order of the calls. Each is stored
/// when its outcome is known. No change of a room is stored after its deletion.
///
/// **Reads** see every change whose outcome is known. They wait for no change.
pub(crate) trait DurableLog: Send + Sync + fmt::Debug {
    /// Numbers an event and stores it, with its key. `append.done` is called exactly once, whatever happens.
    fn append(&self, append: Append);

    /// Stores a new room, or the return of a deleted one. Returns its epoch.
    fn create_room(&self, room: NewRoom) -> Answer<Result<Arc<str>, RoomExists>>;

    /// Deletes exactly this incarnation of a room, with its events and keys. The next incarnation has another epoch.
    /// `stays_deleted` says that there is none until `create_room`. Reports whether the incarnation existed.
    fn delete_room(&self, room: RoomKey, stays_deleted: bool, done: Done<Result<bool, StoreFailure>>);

    /// The rooms that the store knows by id: those that were created, and declared rooms that were deleted. Read once, when
    /// the server is built.
    fn index(&self) -> Result<Vec<IndexedRoom>, StoreFailure>;

    /// The present incarnation of a room. A room that the store does not know has an epoch too, always the same one.
    fn room(&self, id: &RoomId) -> Answer<StoredRoom>;

    /// The same for several rooms, in their order.
    fn rooms(&self, ids: Vec<RoomId>) -> Answer<Vec<StoredRoom>>;

    /// The epoch of a room that the store does not know. Reads nothing.
    fn first_epoch(&self, id: &str) -> Arc<str>;

    /// The newest events of each type, to begin the window with.
    fn window(&self, room: RoomKey, per_type: PerType, bounds: LogBounds) -> Answer<StoredWindow>;

    /// The highest number that a room has used. 0 if it has used none.
    fn top(&self, room: RoomKey) -> Answer<u64> {
        let window = self.window(room, Arc::new(|_| 0), LogBounds::NONE);
        Box::pin(async move { Ok(window.await?.top) })
    }

    /// All events of the wanted types with a number above `after`, up to `through`; `u64::MAX` stands for the last one.
    fn since(&self, room: RoomKey, after: u64, through: u64, wanted: Wanted, bounds: LogBounds) -> Answer<Replay>;

    /// The newest events up to the number `through`, oldest first. If the bounds do not allow all of them, the oldest
    /// are left out.
    fn newest(&self, room: RoomKey, through: u64, per_type: PerType, bounds: LogBounds) -> Answer<Vec<StoredEvent>>;

    /// At most `limit` events of a type with numbers below `before`, newest first.
    fn page(&self, room: RoomKey, event: EventName, before: u64, limit: usize, bounds: LogBounds) -> Answer<LogPage>;

    /// The outcome of an append with this key, as another append with it would find it.
    fn outcome_of(&self, room: RoomKey, key: AppendKey) -> Answer<KeyOutcome>;

    /// The oldest events that retention no longer keeps, each room's in order. If several nodes share the log, only this
    /// one gets them until [`remove`](Self::remove), for as long as it lives.
    fn expired(&self, bounds: LogBounds) -> Answer<Expired>;

    /// Deletes events that retention no longer keeps. Recovery never again claims to have them.
    fn remove(&self, expired: Vec<ExpiredEvent>) -> Answer<()>;

    /// This run of the server, and what the store remembers of earlier ones. Read when the store is opened.
    fn run(&self) -> StoreRun;

    /// Notes that a user was revoked, `at` this time of this run. Only the last revocation of a user counts. It is kept for as
    /// long as keys of this run count.
    fn revoke(&self, user: UserId, at: u64) -> Answer<()>;

    /// Some events of a user that are not erased, at most `limit`, and where the search goes on. It begins without
    /// `after`, and ends with `next: None`. A store may read all its events for this, and may find an event that is erased.
    fn events_of(&self, user: UserId, after: Option<Place>, limit: usize) -> Answer<UserEvents>;

    /// Erases the data of these events: each text becomes what [`erased`](crate::protocol::erased) makes of it. `done` gets
    /// those that were erased now, in the order of the log. It does not get those that do not exist, or were erased
    /// before. Once the outcome is known, the file contains the data no longer, unless a reader still uses it; then the
    /// store overwrites it later. Call it for a few hundred events at a time: no other change happens meanwhile.
    fn erase(&self, events: Vec<ErasedPlace>, done: Done<Result<Vec<ErasedPlace>, StoreFailure>>);

    /// What the store does now.
    fn health(&self) -> StoreHealth;

    /// Calls `watch` on the store's own thread, each time that the store begins to fail or works again.
    fn watch(&self, watch: Watch);

    /// Finishes every change that was handed over, and notes that nothing was lost. Later changes are refused.
    fn close(&self) -> Answer<()>;
}

/// One incarnation of a room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RoomKey {
    pub(crate) id: RoomId,
    /// Identifies the incarnation. Clients know it as the room's epoch, unless the log has
    /// [renewed](crate::cluster#epochs) that: then it is the part that stays.
    pub(crate) epoch: Arc<str>,
}

/// An event that is handed over to the store.
pub(crate) struct Append {
    pub(crate) room: RoomKey,
    pub(crate) event: EventName,
    pub(crate) from: UserId,
    /// The event's text, which gets its number in the store.
    pub(crate) prepared: PreparedEvent,
    pub(crate) key: Option<AppendKey>,
    /// How many events of its type the log keeps, if it keeps a number of them.
    pub(crate) keep: usize,
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) done: Done<Appended>,
}

/// The idempotency key of an append.
///
/// A key of this run counts for two minutes after it was stored. A key of an earlier run counts for two minutes after this run
/// began, if it counted when that run ended. A key that does not count is replaced.
///
/// For a repetition that says so, each key counts that the store still has. It forgets the oldest keys if there are too
/// many, but remembers the connections that have lost keys. Ten minutes after a run began, it forgets all earlier runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppendKey {
    pub(crate) user: UserId,
    pub(crate) key: String,
    /// The connection that sent it first.
    pub(crate) connection: ClientId,
    /// The run of that connection, if this is a repetition that says so. Without its key, it is stored only if the store has
    /// forgotten no key of this connection, and not that run.
    pub(crate) repeats: Option<u64>,
}

/// What a store knows of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyOutcome {
    /// An event was stored with it, under this number.
    Stored { seq: u64 },
    /// No key counts.
    NotStored,
    /// The store may have forgotten it.
    Forgotten,
}

/// The outcome of an append.
#[derive(Debug)]
pub(crate) enum Appended {
    /// It is stored under this number.
    Stored {
        seq: u64,
        /// The epoch in which the number counts. `None` if the log never renews an epoch: the room's own one.
        epoch: Option<Arc<str>>,
        frame: EventFrame,
    },
    /// An event with the same key was stored before, under this number.
    Repeated { seq: u64 },
    /// It repeats an event of an earlier run, and the store may have forgotten the key. Nothing is stored.
    Forgotten,
    /// This incarnation of the room does not exist any more. Nothing is stored.
    NoSuchRoom,
    /// Nothing is stored.
    Refused(StoreFailure),
    /// It may be stored.
    Unknown(StoreFailure),
}

/// Decides who ends an append: its deadline, while it waits, or the store, once it has begun.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    state: AtomicU8,
    /// Whether the outcome was unknown at some time.
    was_unknown: AtomicBool,
}

impl Ticket {
    const WAITING: u8 = 0;
    const BEGUN: u8 = 1;
    const WITHDRAWN: u8 = 2;

    /// The store begins. Returns false if the append was withdrawn.
    pub(crate) fn begin(&self) -> bool {
        self.leave_queue(Self::BEGUN)
    }

    /// The store has begun, and sent nothing: the append waits again. Returns false if its deadline has passed meanwhile.
    pub(crate) fn wait_again(&self) -> bool {
        !self.was_unknown.load(Ordering::Relaxed)
            && self
                .state
                .compare_exchange(Self::BEGUN, Self::WAITING, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// The append does not wait any longer. Returns false if the store has begun: the outcome is then unknown.
    pub(crate) fn withdraw(&self) -> bool {
        self.leave_queue(Self::WITHDRAWN)
    }

    /// Whether the append does not wait any longer.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.state.load(Ordering::Relaxed) == Self::WITHDRAWN
    }

    /// Notes that the outcome is unknown for now. Returns whether this is the first time.
    pub(crate) fn note_unknown(&self) -> bool {
        !self.was_unknown.swap(true, Ordering::Relaxed)
    }

    fn leave_queue(&self, next: u8) -> bool {
        self.state
            .compare_exchange(Self::WAITING, next, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

/// How a stored room came into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Creator {
    /// The server created it.
    Server,
    /// A client of a user who had signed in.
    Client,
    /// A client of an anonymous user.
    Anonymous,
}

/// A room that is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewRoom {
    pub(crate) id: RoomId,
    pub(crate) creator: Creator,
    pub(crate) created_by: Option<UserId>,
    /// Whose share of rooms it takes, as the runtime writes it.
    pub(crate) holder: Option<String>,
    /// The room's configuration, as the runtime writes it. `None` for a room that is as declared.
    pub(crate) config: Option<String>,
}

/// A room with this id exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoomExists;

/// What the store knows of a room without loading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexedRoom {
    pub(crate) id: RoomId,
    /// Identifies the incarnation, as in [`RoomKey`]. Empty if one process alone uses the log, which knows what it creates.
    pub(crate) incarnation: Arc<str>,
    pub(crate) state: IndexedState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IndexedState {
    /// It was created, and exists.
    Created { creator: Creator, holder: Option<String> },
    /// It was deleted, and stays deleted until it is created.
    Deleted,
}

/// A room's present incarnation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredRoom {
    pub(crate) key: RoomKey,
    /// `Some` if it was created.
    pub(crate) created: Option<NewRoom>,
    /// It stays deleted until it is created.
    pub(crate) is_deleted: bool,
}

/// The newest events of a room, and how far back each type goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StoredWindow {
    /// The highest number that the room has used.
    pub(crate) top: u64,
    pub(crate) types: Vec<StoredType>,
}

impl StoredWindow {
    /// The window of a room whose last number is `through`.
    pub(crate) fn through(mut self, through: u64) -> Self {
        self.top = through;
        for kind in &mut self.types {
            kind.events.retain(|stored| stored.seq.is_none_or(|seq| seq <= through));
        }
        self
    }
}

/// The newest events of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredType {
    pub(crate) event: EventName,
    /// The highest number of this type that is not among `events`. 0 if there is none.
    pub(crate) mark: u64,
    /// Whether the store has older events of this type.
    pub(crate) has_older: bool,
    /// Oldest first.
    pub(crate) events: Vec<StoredEvent>,
}

/// Where a store goes on, or where it has an event: only the store understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) Bytes);

impl Place {
    /// For a store whose places are numbers.
    pub(crate) fn of_row(row: i64) -> Self {
        Self(Bytes::copy_from_slice(&row.to_be_bytes()))
    }

    /// `None` if the place is no number.
    pub(crate) fn row(&self) -> Option<i64> {
        Some(i64::from_be_bytes(self.0.as_ref().try_into().ok()?))
    }
}

/// What retention no longer keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Expired {
    pub(crate) events: Vec<ExpiredEvent>,
    /// How many events the store has dropped since the last answer, because too many waited for the application.
    pub(crate) dropped: u64,
}

/// An event that retention no longer keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpiredEvent {
    pub(crate) place: Place,
    pub(crate) room: RoomKey,
    pub(crate) event: StoredEvent,
}

/// A run: the time from one opening of the store to the next. A store counts them.
#[derive(Clone)]
pub(crate) struct StoreRun {
    pub(crate) run: u64,
    /// The oldest run that the store has not forgotten. `run` if there is no earlier one.
    pub(crate) oldest: u64,
    /// The second part of all epochs. It changes if events may have been lost, and if the store was copied.
    pub(crate) generation: Arc<str>,
    /// The key of everything that clients keep for the server. The same in all runs.
    pub(crate) secret: [u8; 32],
    /// The users who were revoked in earlier runs.
    pub(crate) revoked: Vec<Revocation>,
}

/// Omits the secret.
impl fmt::Debug for StoreRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreRun")
            .field("run", &self.run)
            .field("oldest", &self.oldest)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// The last time that a user was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revocation {
    pub(crate) user: UserId,
    pub(crate) run: u64,
    /// The time in that run, as the runtime counts it.
    pub(crate) at: u64,
}

/// A part of the events of a user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct UserEvents {
    pub(crate) events: Vec<ErasedPlace>,
    /// Where the search goes on. `None` at its end.
    pub(crate) next: Option<Place>,
}

/// An event that is erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErasedPlace {
    pub(crate) room: RoomKey,
    /// The event's type. `None` in a request, if the caller does not know it; always known in the answer.
    pub(crate) event: Option<EventName>,
    pub(crate) seq: u64,
}

/// What a store does now.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoreHealth {
    /// Why the last change failed, if none has succeeded since.
    pub(crate) failing: Option<StoreFailure>,
    /// Changes that wait.
    pub(crate) waiting: usize,
    /// Their bytes.
    pub(crate) waiting_bytes: usize,
    /// Appends that were refused because of a failure, since the start.
    pub(crate) refused: u64,
    /// Appends whose outcome is unknown, since the start.
    pub(crate) unknown: u64,
    /// The bytes of the events that are kept.
    pub(crate) bytes: u64,
}
