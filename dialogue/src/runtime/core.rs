//! The shared core of a server, which consists of parts, and the handles that point to it.
//!
//! Owns no behaviour: each part has its own, and the modules next to this one work with the parts.

use std::cell::Cell;
use std::sync::Arc;

use tracing::Dispatch;

use super::application::ApplicationState;
use super::clients::Clients;
use super::continuity::idempotency::IdempotencyKeys;
use super::continuity::lineage::Lineage;
use super::continuity::resume::ResumeSecrets;
use super::continuity::unnoted::UnnotedRevocations;
use super::first_contact::FirstContact;
use super::handlers::listeners::Listeners;
use super::history::keep::History;
use super::hooks::definition::Hooks;
use super::lifecycle::Lifecycle;
use super::observe::emit::Observe;
use super::observe::log_limit::LogLimiter;
use super::rooms::registry::Rooms;
use crate::cluster::Cluster;
use crate::connection::ClientState;
use crate::containment::contain_sync;
use crate::contract::{Contract, ServerUrl};
use crate::hook::drop_contained;
use crate::limits::Limits;
use crate::log::durable::{DurableLog, StoreRun};
use crate::origin::AllowedOrigin;
use crate::room::RoomCell;

thread_local! {
    /// Whether this thread is logging.
    static IS_LOGGING: Cell<bool> = const { Cell::new(false) };
}

/// A server of typed real-time rooms. Build one with [`Dialogue::builder`](crate::Dialogue::builder).
///
/// A `Dialogue` is a handle: cloning it is cheap, and all clones share one server.
///
/// # Calls
///
/// A call that concerns all nodes is `async`: `dialogue.is_in_room(user, Chat).await`. A synchronous call reports on
/// this node, and its name says so: `dialogue.here().is_in_room(user, Chat)`. With one process, both give the same
/// answer, and an `async` call waits for nothing.
///
/// Hooks and handlers must not hold a clone of their own `Dialogue`: it would keep the server alive forever. A hook
/// reaches its server through its arguments instead (`client.dialogue()`, `room.dialogue()`), or through a
/// [`WeakDialogue`](crate::WeakDialogue).
///
/// # Runtimes
///
/// Use a `Dialogue` inside a tokio runtime with time and IO enabled, as `#[tokio::main]` does. Hooks and handlers run in
/// tasks. If no runtime can run them, because a method such as `disconnect` is called outside of one, or because the
/// runtime has ended, they wait for the next use of the server in a runtime.
#[derive(Clone)]
pub struct Dialogue {
    pub(crate) core: Arc<Core>,
}

/// One connected client, such as one tab or device of a user. A handle that is cheap to clone.
///
/// A client is connected to this node, so calls that concern only its connection are synchronous. `join`, `leave` and
/// `disconnect` are `async`: they change the members of rooms, and other nodes may have to know.
///
/// The handle stays usable after the connection has ended. The client is then in no room, and frames that are sent to
/// it are discarded.
#[derive(Clone)]
pub struct Client {
    pub(crate) state: Arc<ClientState>,
    pub(crate) core: Arc<Core>,
}

/// One room. A handle that is cheap to clone.
///
/// A call that concerns all nodes is `async` (`room.size().await`). A synchronous call reports on this node, and its
/// name says so (`room.here().size()`). What never changes, such as the [`id`](Self::id), is synchronous too.
///
/// The handle stays usable after the room has been deleted. The room is then empty and has no history, and triggers
/// fail with [`TriggerError::NoSuchRoom`](crate::TriggerError::NoSuchRoom). Other calls that take the handle find no
/// room, even if another room has taken the id. To get the other room, give the id: `dialogue.room(handle.id())`. Only
/// listeners follow the id and not the room.
///
/// An on-demand room that nobody is in becomes idle after [`Limits::on_demand_idle`](crate::Limits::on_demand_idle). If it has
/// a log, it is still the same room: a trigger, a page of its history and a join make it present again.
#[derive(Clone)]
pub struct RoomHandle {
    pub(crate) cell: Arc<RoomCell>,
    pub(crate) core: Arc<Core>,
}

/// The state that all handles of a server share. It consists of parts, and each part owns one concern.
///
/// A function takes the part that it changes. It takes the whole core only if it calls hooks, because hooks receive
/// handles that point to the core.
pub(crate) struct Core {
    /// The application's hooks.
    pub(crate) hooks: Hooks<Client, RoomHandle>,
    pub(crate) limits: Limits,
    /// The rooms that exist.
    pub(crate) rooms: Rooms,
    /// The connected clients.
    pub(crate) clients: Clients,
    /// The histories of the rooms.
    pub(crate) history: History,
    /// The log that several nodes share. It is the same object as the store then.
    pub(crate) cluster: Option<Arc<dyn Cluster>>,
    /// Whether that log was reached. Before, the server admits no client.
    pub(crate) first_contact: FirstContact,
    /// The application's handlers and streams.
    pub(crate) listeners: Listeners,
    /// The secrets and keys that outlive a connection.
    pub(crate) continuity: Continuity,
    /// The rules for HTTP requests: the path, and the origins that may connect.
    pub(crate) http: HttpPolicy,
    /// The server's tasks and their shutdown.
    pub(crate) lifecycle: Lifecycle,
    /// Counts what happens in the server, and shows it to observers.
    pub(crate) observe: Observe,
    /// The contract that clients see: the events that they may send and receive.
    pub(crate) contract: PublishedContract,
    /// The values that `Builder::state` received.
    pub(crate) application: ApplicationState,
    /// Whether every room that clients may join needs a guard.
    pub(crate) guards_required: bool,
    /// The server's own logger. Without it, the server logs to the application's subscriber.
    pub(crate) logger: ServerLogger,
    /// Limits the log lines that clients can cause.
    pub(crate) log_limiter: LogLimiter,
}

/// The dispatcher that the application has given.
pub(crate) struct ServerLogger(pub(in crate::runtime) Option<Dispatch>);

impl Drop for ServerLogger {
    fn drop(&mut self) {
        drop_contained(self.0.take());
    }
}

/// The state of clients that outlives their connections.
pub(crate) struct Continuity {
    /// The secrets that let a new connection take over from an earlier one.
    pub(crate) resumes: ResumeSecrets,
    /// The idempotency keys, which identify repeated triggers.
    pub(crate) keys: IdempotencyKeys,
    /// The revocations that the next run does not know yet.
    pub(in crate::runtime) revocations: UnnotedRevocations,
}

impl Continuity {
    pub(in crate::runtime) fn new(limits: &Limits) -> Self {
        Self {
            keys: IdempotencyKeys::new(limits),
            resumes: ResumeSecrets::default(),
            revocations: UnnotedRevocations::default(),
        }
    }

    /// Notes what a store knows of the runs of this server, and whether several nodes share it. Call it once, before a
    /// client signs in.
    pub(in crate::runtime) fn begin(&self, limits: &Limits, run: StoreRun, is_shared: bool) {
        self.keys.begin(run.run);
        self.resumes.begin(limits, run, is_shared);
    }

    /// Notes that a client continues these connections. Returns those whose triggers it can repeat.
    pub(crate) fn continues(&self, lineage: Option<&Lineage>, client: &ClientState) -> Option<Lineage> {
        let is_this_run = |run| self.resumes.is_this_run(run);
        lineage.map(|lineage| self.keys.continues(lineage, is_this_run, client))
    }
}

/// The rules for HTTP requests, which apply before a client exists.
#[derive(Debug)]
pub(crate) struct HttpPolicy {
    /// The path before all routes, such as `/dialogue`.
    pub(crate) base_path: String,
    /// The origins that may connect in addition to the server's own.
    pub(crate) allowed_origins: Vec<AllowedOrigin>,
    /// Whether the server trusts a client's `auth.userId` as its user id. For demos and tests.
    pub(crate) trust_client_identity: bool,
}

/// The contract of all rooms, and its fingerprint. A client compares the fingerprint with the one of its own contract.
pub(crate) struct PublishedContract {
    pub(crate) contract: Contract,
    pub(crate) fingerprint: String,
    /// Where clients reach the server, if the application has said so.
    #[cfg_attr(
        not(feature = "server"),
        expect(dead_code, reason = "only the documents over HTTP contain it")
    )]
    pub(crate) public_url: Option<ServerUrl>,
}

impl Core {
    /// Runs code that logs, unless a subscriber that receives a line has caused it: `tracing` has no place for such lines.
    /// Runs it with the server's own logger if it has one. The subscriber may be the application's, and may call
    /// the server: call this under no lock. A panic in it affects nothing else.
    pub(crate) fn log(&self, logs: impl FnOnce()) {
        if IS_LOGGING.replace(true) {
            return;
        }
        let _contained = contain_sync(|| match &self.logger.0 {
            Some(dispatch) => tracing::dispatcher::with_default(dispatch, logs),
            None => logs(),
        });
        IS_LOGGING.set(false);
    }

    /// The store, to hand a change over to it. The store tells the outcome on its own thread, which must find a runtime in
    /// which the change is applied here: this notes the current one.
    pub(in crate::runtime) fn store_to_change(&self) -> Option<&Arc<dyn DurableLog>> {
        let store = self.history.durable.as_ref()?;
        self.lifecycle.tasks.note_runtime();
        Some(store)
    }

    /// Makes a handle to a client.
    pub(crate) fn client(self: &Arc<Self>, state: &Arc<ClientState>) -> Client {
        Client {
            state: Arc::clone(state),
            core: Arc::clone(self),
        }
    }

    /// Makes a handle to a room.
    pub(crate) fn room(self: &Arc<Self>, cell: &Arc<RoomCell>) -> RoomHandle {
        RoomHandle {
            cell: Arc::clone(cell),
            core: Arc::clone(self),
        }
    }
}
