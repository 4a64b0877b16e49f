//! The shared heart of a server, and the handles that point to it.
//!
//! Owns only the data; what is done with it stands in the modules beside, which all import this one.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Dispatch;

use crate::connection::{ClientKey, ClientState, Flushers};
use crate::contract::Contract;
use crate::id::{ClientId, UserId};
use crate::limits::Limits;
use crate::log::HistoryManager;
use crate::log::archive_queue::HandOver;
use crate::room::{KnownEvents, Registry, RoomCell};
use crate::runtime::continuity::idempotency::TriggeredKeys;
use crate::runtime::continuity::resume::Resumes;
use crate::runtime::handlers::listeners::Listeners;
use crate::runtime::hooks::definition::Hooks;
use crate::runtime::observe::tap::Tap;
use crate::runtime::rooms::idle::IdleRooms;

/// A server of typed real-time rooms. A cheap clone of one shared thing; build it with
/// [`Dialogue::builder`](crate::Dialogue::builder).
///
/// What is synchronous here (`rooms`, `clients_of`, `is_in_room`, …) speaks of this process.
///
/// It belongs into a tokio runtime with its timers and input and output on, as `#[tokio::main]` has it: whatever may run a
/// hook or a handler, `disconnect` and `leave` among them, spawns a task and panics outside of one.
///
/// Hooks that hold a clone of their own `Dialogue` keep it alive for ever; they reach it through what they are handed
/// instead (`client.dialogue()`, `room.dialogue()`).
#[derive(Clone)]
pub struct Dialogue {
    pub(crate) core: Arc<Core>,
}

/// One connected client, a user's tab or device. A cheap clone.
///
/// It stays usable after the connection has ended; then it is in no room, and what is sent to it goes nowhere.
#[derive(Clone)]
pub struct Client {
    pub(crate) state: Arc<ClientState>,
    pub(crate) core: Arc<Core>,
}

/// One room. A cheap clone.
///
/// It stays usable after the room has been deleted; then it is empty and without history, triggers fail with
/// [`TriggerError::NoSuchRoom`](crate::TriggerError::NoSuchRoom), and whatever else takes a room finds none, also if another
/// room has taken the id. For that one, give the id: `dialogue.room(handle.id())`. Only listeners are to an id.
#[derive(Clone)]
pub struct RoomHandle {
    pub(crate) cell: Arc<RoomCell>,
    pub(crate) core: Arc<Core>,
}

/// Everything that a server's handles share.
pub(crate) struct Core {
    pub(crate) hooks: Hooks<Client, RoomHandle>,
    pub(crate) limits: Limits,
    pub(crate) registry: Registry,
    pub(crate) known_events: Arc<KnownEvents>,
    pub(crate) clients: RwLock<Clients>,
    /// Held while a room is added or removed and everyone is told, so that they are told in the order in which it happened.
    pub(super) announcing: Mutex<()>,
    /// Told whenever the last client has gone.
    pub(crate) clients_gone: Notify,
    /// Who sends what is queued for clients.
    pub(crate) flushers: Flushers,
    pub(crate) next_client: AtomicU64,
    pub(crate) resumes: Resumes,
    pub(crate) triggered_keys: TriggeredKeys,
    pub(crate) history: HistoryManager,
    pub(crate) hand_over: HandOver,
    pub(crate) listeners: Listeners,
    /// Where the inspector's viewers watch.
    pub(crate) tap: Arc<Tap>,
    pub(crate) idle_rooms: IdleRooms,
    /// Bounds the `on_triggered` hooks that run at once.
    pub(crate) notifications: Arc<Semaphore>,
    /// Events that a handler, stream or `on_triggered` did not get because it was too slow.
    pub(crate) dropped: AtomicUsize,
    pub(crate) application: Option<Arc<dyn Any + Send + Sync>>,
    pub(crate) dispatch: Option<Dispatch>,
    /// What clients may say and hear.
    pub(crate) contract: Contract,
    /// The contract's.
    pub(crate) fingerprint: String,
    pub(crate) trust_client_identity: bool,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) base_path: String,
    /// Connections, and everything they start.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the server stops: nothing new from then on.
    pub(crate) stopping: CancellationToken,
    /// Cancelled when the drain is over: whatever still runs ends.
    pub(crate) stopped: CancellationToken,
}

/// Who is connected.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    pub(crate) by_id: HashMap<ClientId, Arc<ClientState>>,
    /// A later client has a higher key.
    by_user: HashMap<UserId, BTreeMap<ClientKey, Arc<ClientState>>>,
}

impl Clients {
    /// Adds a client, unless its user has `quota` of them.
    pub(crate) fn add(&mut self, client: &Arc<ClientState>, quota: Option<usize>) -> bool {
        let of_user = self.by_user.entry(client.user_id.clone()).or_default();
        if quota.is_some_and(|quota| of_user.len() >= quota) {
            if of_user.is_empty() {
                self.by_user.remove(&client.user_id);
            }
            return false;
        }
        of_user.insert(client.key, Arc::clone(client));
        self.by_id.insert(client.id.clone(), Arc::clone(client));
        true
    }

    pub(crate) fn remove(&mut self, client: &ClientState) {
        self.by_id.remove(&client.id);
        if let Some(of_user) = self.by_user.get_mut(&client.user_id) {
            of_user.remove(&client.key);
            if of_user.is_empty() {
                self.by_user.remove(&client.user_id);
            }
        }
    }

    /// A user's clients, the earliest first.
    pub(crate) fn of_user(&self, user: &str) -> impl Iterator<Item = &Arc<ClientState>> {
        self.by_user.get(user).into_iter().flat_map(BTreeMap::values)
    }
}

impl Core {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Runs what logs under the server's own logger, if it has one.
    pub(crate) fn log<T>(&self, logs: impl FnOnce() -> T) -> T {
        match &self.dispatch {
            Some(dispatch) => tracing::dispatcher::with_default(dispatch, logs),
            None => logs(),
        }
    }

    pub(crate) fn client(self: &Arc<Self>, state: &Arc<ClientState>) -> Client {
        Client {
            state: Arc::clone(state),
            core: Arc::clone(self),
        }
    }

    pub(crate) fn room(self: &Arc<Self>, cell: &Arc<RoomCell>) -> RoomHandle {
        RoomHandle {
            cell: Arc::clone(cell),
            core: Arc::clone(self),
        }
    }

    /// Waits until no client is connected, their hooks included.
    pub(crate) async fn connections_gone(&self) {
        loop {
            let mut gone = pin!(self.clients_gone.notified());
            gone.as_mut().enable();
            if self.clients.read().by_id.is_empty() {
                return;
            }
            gone.await;
        }
    }

    /// Forgets a client whose connection has ended.
    pub(crate) fn forget(&self, client: &ClientState) {
        self.resumes.ended(client);
        let mut clients = self.clients.write();
        clients.remove(client);
        if clients.by_id.is_empty() {
            self.clients_gone.notify_waiters();
        }
    }

    /// Lets nothing be triggered any more; when this returns, nothing that was is still on its way to a history.
    pub(crate) fn end_triggers(&self) {
        self.stopped.cancel();
        for room in self.registry.all() {
            drop(room.lock());
        }
    }

    /// Everyone who is connected.
    pub(crate) fn all_clients(&self) -> Vec<Arc<ClientState>> {
        self.clients.read().by_id.values().cloned().collect()
    }

    /// A user's clients.
    pub(crate) fn clients_of(&self, user: &str) -> Vec<Arc<ClientState>> {
        self.clients.read().of_user(user).cloned().collect()
    }
}

/// Milliseconds since the Unix epoch. For people's eyes and for `timestamp` only: it can jump.
pub(crate) fn wall_clock() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
