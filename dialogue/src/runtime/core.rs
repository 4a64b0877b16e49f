//! The core of a server, made of parts, and the handles that point to it.
//!
//! Owns no behaviour: each part has its own, and the modules next to this one act on them.

use std::any::Any;
use std::sync::Arc;

use tracing::Dispatch;

use super::clients::Clients;
use super::continuity::part::Continuity;
use super::handlers::listeners::Listeners;
use super::history::keep::History;
use super::hooks::definition::Hooks;
use super::lifecycle::Lifecycle;
use super::observe::emit::Observe;
use super::rooms::registry::Rooms;
use crate::connection::ClientState;
use crate::contract::Contract;
use crate::limits::Limits;
use crate::room::RoomCell;

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

/// Everything that a server's handles share: parts that each own one concern. Functions take the part that they change,
/// and the core only where they call hooks, which receive handles to it.
pub(crate) struct Core {
    /// What the application decides.
    pub(crate) hooks: Hooks<Client, RoomHandle>,
    pub(crate) limits: Limits,
    /// Which rooms exist.
    pub(crate) rooms: Rooms,
    /// Who is connected.
    pub(crate) clients: Clients,
    /// What rooms remember.
    pub(crate) history: History,
    /// Handlers and streams of the application.
    pub(crate) listeners: Listeners,
    /// What outlives a connection.
    pub(crate) continuity: Continuity,
    /// Who may connect, and under which path.
    pub(crate) http: HttpPolicy,
    /// Tasks, and the end of them.
    pub(crate) lifecycle: Lifecycle,
    /// Counts what happens, and shows it to observers.
    pub(crate) observe: Observe,
    /// What clients may send and receive.
    pub(crate) contract: PublishedContract,
    /// What `Builder::state` was given.
    pub(crate) application: Option<Arc<dyn Any + Send + Sync>>,
    /// Where the server logs, if not to the application's own subscriber.
    pub(crate) dispatch: Option<Dispatch>,
}

/// What decides about HTTP requests before a client exists.
#[derive(Debug)]
pub(crate) struct HttpPolicy {
    /// The path before all routes, such as `/dialogue`.
    pub(crate) base_path: String,
    /// Origins besides the server's own, normalised.
    pub(crate) allowed_origins: Vec<String>,
    /// Whether a client's own `auth.userId` is its user id. For demos and tests.
    pub(crate) trust_client_identity: bool,
}

/// The contract of all rooms, and the fingerprint by which clients compare it with theirs.
pub(crate) struct PublishedContract {
    pub(crate) contract: Contract,
    pub(crate) fingerprint: String,
}

impl Core {
    /// Runs code that logs under the server's own logger, if it has one.
    pub(crate) fn log<T>(&self, logs: impl FnOnce() -> T) -> T {
        match &self.dispatch {
            Some(dispatch) => tracing::dispatcher::with_default(dispatch, logs),
            None => logs(),
        }
    }

    /// A handle to a client.
    pub(crate) fn client(self: &Arc<Self>, state: &Arc<ClientState>) -> Client {
        Client {
            state: Arc::clone(state),
            core: Arc::clone(self),
        }
    }

    /// A handle to a room.
    pub(crate) fn room(self: &Arc<Self>, cell: &Arc<RoomCell>) -> RoomHandle {
        RoomHandle {
            cell: Arc::clone(cell),
            core: Arc::clone(self),
        }
    }
}
