//! The builder of a server: its rooms, hooks and limits.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;

use tracing::Dispatch;

use super::check::{BuildError, check_limits, is_base_path, known_events, rooms};
use crate::connection::{Handshake, Identity, Refusal};
use crate::containment::HookOutcome;
use crate::contract::{Contract, RoomSet};
use crate::delivery::Delivery;
use crate::event::{EventDefinition, EventMessage};
use crate::id::EventName;
use crate::limits::Limits;
use crate::log::{EvictedHistory, HistoryManager, HistoryQuery};
use crate::room::RoomDeclaration;
use crate::runtime::clients::Clients;
use crate::runtime::core::{Client, Continuity, Core, Dialogue, HttpPolicy, PublishedContract, RoomHandle};
use crate::runtime::handlers::listeners::Listeners;
use crate::runtime::history::keep::History;
use crate::runtime::hooks::definition::{Hook, Hooks};
use crate::runtime::lifecycle::Lifecycle;
use crate::runtime::observe::emit::Observe;

/// Describes a server: its rooms, hooks and limits. [`Dialogue::builder`] returns it, and [`build`](Self::build) makes
/// the server. Everything has a default except the rooms.
///
/// # Hooks
///
/// A hook is a closure that returns a future; only [`after_each`](Self::after_each) returns nothing.
///
/// - A hook that returns a `Result` with a [`Refusal`] *decides*: `authenticate`, `before_join`, `authorize` and
///   `before_each`, for example. An error, a panic or a timeout counts as a refusal.
/// - All other hooks are *notifications*, such as `on_joined`. An error, a panic or a timeout is logged.
///
/// A hook times out after [`Limits::hook_deadline`]. A hook that fails harms nothing else. The notification hooks of
/// one client run one after another, in the order of the things that they report.
#[must_use = "call `build`"]
pub struct Builder {
    declarations: Vec<&'static RoomDeclaration>,
    events: Vec<EventDefinition>,
    hooks: Hooks<Client, RoomHandle>,
    limits: Limits,
    history: Option<HistoryManager>,
    application: Option<Arc<dyn Any + Send + Sync>>,
    dispatch: Option<Dispatch>,
    trust_client_identity: bool,
    allowed_origins: Vec<String>,
    base_path: String,
}

/// Boxes a hook of one argument that decides.
fn asking<A, O, F, Fut>(hook: F) -> Option<Hook<A, O>>
where
    A: 'static,
    F: Fn(A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = O> + Send + 'static,
{
    Some(Arc::new(move |argument| Box::pin(hook(argument))))
}

/// Boxes a notification hook of one argument.
fn telling<A, F, Fut>(hook: F) -> Option<Hook<A, Option<String>>>
where
    A: 'static,
    F: Fn(A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: HookOutcome> + Send + 'static,
{
    Some(Arc::new(move |argument| {
        let told = hook(argument);
        Box::pin(async move { told.await.into_error() })
    }))
}

impl Builder {
    pub(in crate::runtime) fn new() -> Self {
        Self {
            declarations: Vec::new(),
            events: Vec::new(),
            hooks: Hooks::default(),
            limits: Limits::default(),
            history: None,
            application: None,
            dispatch: None,
            trust_client_identity: false,
            allowed_origins: Vec::new(),
            base_path: "/dialogue".to_owned(),
        }
    }

    /// Adds every room that a [`rooms!`](crate::rooms) block declares. Call it once for each block.
    pub fn rooms<R: RoomSet>(mut self) -> Self {
        self.declarations.extend(R::declarations());
        self
    }

    /// Registers events in addition to the events of declared rooms. A room that allows any event validates the events
    /// that are registered.
    pub fn events(mut self, events: impl IntoIterator<Item = EventDefinition>) -> Self {
        self.events.extend(events);
        self
    }

    /// Decides who a client is. Called once for each connection, with the [`Handshake`] that the client presents, and
    /// again when the client presents a fresh token. After a refusal, the client receives `UNAUTHENTICATED` with the
    /// reason; a refused first `connect` ends the connection.
    ///
    /// The deadline of this hook is the rest of [`Limits::connect_deadline`]; for a fresh token, all of it.
    ///
    /// Without this hook, every client is anonymous, and the server generates its user id.
    pub fn authenticate<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Handshake) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Identity, Refusal>> + Send + 'static,
    {
        self.hooks.authenticate = asking(hook);
        self
    }

    /// Trusts what clients claim: the user id is `auth.userId`. Anyone can impersonate anyone, so use this for demos
    /// and tests only. A client without `auth.userId` is anonymous.
    pub fn trust_client_identity(mut self) -> Self {
        self.trust_client_identity = true;
        self
    }

    /// Called for each client that has connected, before its first command runs. To put the client into rooms, call
    /// `client.join(…)` here.
    pub fn on_connected<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_connected = telling(hook);
        self
    }

    /// Called for each client whose connection has ended, while the client is still in its rooms
    /// ([`rooms_of`](Dialogue::rooms_of) lists them). The client leaves them when the hook returns or times out.
    pub fn on_disconnected<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_disconnected = telling(hook);
        self
    }

    /// Decides whether a client may join a room. After a refusal, the client receives `JOIN_DENIED` with the reason.
    /// For an on-demand room, the hook runs before the room exists.
    ///
    /// When a client renews its session, the hook runs again for every room that the client is in. After a refusal, the
    /// client leaves that room.
    pub fn before_join<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client, RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.hooks.before_join = asking(move |(client, room)| hook(client, room));
        self
    }

    /// Decides whether a client may trigger an event. Called for each event that a client triggers, if the room lets
    /// clients trigger such an event at all. After a refusal, the client receives `PERMISSION_DENIED` with the reason.
    ///
    /// To check the data of an event, use [`before_each`](Self::before_each).
    pub fn authorize<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client, RoomHandle, EventName) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.hooks.authorize = asking(move |(client, room, event)| hook(client, room, event));
        self
    }

    /// Called for each client that has joined a room. The client's next command runs after the hook.
    pub fn on_joined<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client, RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_joined = telling(move |(client, room)| hook(client, room));
        self
    }

    /// Called for each client that has left a room, however it left: exactly once for each `on_joined`.
    pub fn on_left<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client, RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_left = telling(move |(client, room)| hook(client, room));
        self
    }

    /// Called for each room that is created after the server was built.
    pub fn on_room_created<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_room_created = telling(hook);
        self
    }

    /// Called for each room that has been deleted or has expired.
    pub fn on_room_deleted<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_room_deleted = telling(hook);
        self
    }

    /// Checks each event before it is sent, whether a client or the server triggers it. The hook may change the data or
    /// the metadata, or refuse the event. After a refusal, a client receives `BLOCKED` with the reason, and a trigger
    /// by the server fails with [`TriggerError::Blocked`](crate::TriggerError::Blocked).
    ///
    /// Changed data is validated again. The hook cannot change the event's room, sender or time: the server restores
    /// them. An event whose name the hook changes is blocked, and the server logs an error.
    pub fn before_each<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(EventMessage, RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<EventMessage, Refusal>> + Send + 'static,
    {
        self.hooks.before_each = asking(move |(message, room)| hook(message, room));
        self
    }

    /// Called for each event that has been queued for its recipients, with its [`Delivery`]. Runs synchronously before
    /// the trigger returns, so it must be quick. A panic is logged.
    pub fn after_each<F>(mut self, hook: F) -> Self
    where
        F: Fn(&EventMessage, &Delivery) + Send + Sync + 'static,
    {
        self.hooks.after_each = Some(Arc::new(hook));
        self
    }

    /// Called for each event that has been queued for its recipients, in the background and in no particular order. At
    /// most 1,024 calls run at once. Beyond that, the hook is not called for an event, and the server logs it.
    pub fn on_triggered<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(EventMessage, RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_triggered = telling(move |(message, room)| hook(Arc::unwrap_or_clone(message), room));
        self
    }

    /// Receives the events that memory no longer keeps, so that you can store them elsewhere. The hook receives each
    /// event at least once, and the events of one room and type in order.
    ///
    /// Each call receives one batch: up to 100 events of one room and type. One call runs at a time, and the batch that
    /// has waited longest is next. If a call fails, the server repeats it, up to five calls in total. The pauses
    /// between them start at 0.1 s and double. Then the server gives the batch up and logs an error.
    ///
    /// At most 50,000 events and [`Limits::history_bytes`] bytes wait for the hook. Beyond that, the server gives up
    /// the oldest events and logs it. No such bound applies to the events that are left when the server stops.
    ///
    /// The hook also receives the events in memory when the server stops, and the history of a room that expires. It
    /// does not receive the history of a room that is deleted. Nor does it receive the events that
    /// [`HistoryManager::push`] and [`HistoryManager::clear_room`] evict: they return these to their caller.
    pub fn on_history_evicted<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(EvictedHistory) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.hooks.on_history_evicted = asking(hook);
        self
    }

    /// Loads history that memory no longer keeps. Called when a client or [`RoomHandle::history`] pages back that far.
    /// After a refusal, the client receives `UNAVAILABLE` with the reason. Without this hook, history ends where memory
    /// ends.
    ///
    /// Return the newest events of the room and type that the [`HistoryQuery`] describes, in any order. The server
    /// leaves out events that do not match the query, and sorts the others by `seq`, newest first. Events without a
    /// `seq` count as older and are sorted by `timestamp`. If some of them have the same `timestamp`, return these
    /// newest first: the server keeps their order. Store and read an [`EventMessage`] with serde.
    pub fn load_history<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(HistoryQuery) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<EventMessage>, Refusal>> + Send + 'static,
    {
        self.hooks.load_history = asking(hook);
        self
    }

    /// Turns on the inspector: a page at `{base}/inspect` (`/dialogue/inspect` by default) that shows rooms, members,
    /// rates and events as they happen. It can also trigger events as the server. Without this, the routes do not
    /// exist.
    ///
    /// **The guard protects everything.** A person that it admits sees every event and can trigger any event in any
    /// room. The server calls the guard before each request, with the request's headers, cookies, query and peer;
    /// `auth` is `null`. After a refusal, the response is 403 with the reason. To admit only browsers on your own
    /// machine, use [`local_only`](crate::local_only):
    ///
    /// ```
    /// # use dialogue::{Dialogue, Handshake, Refusal};
    /// let on_this_machine = Dialogue::builder().inspector(dialogue::local_only);
    /// let for_staff = Dialogue::builder().inspector(|request: Handshake| async move {
    ///     match request.cookie("session") {
    ///         Some(session) if is_staff(session).await => Ok(()),
    ///         _ => Err(Refusal::new("this is for staff")),
    ///     }
    /// });
    /// # async fn is_staff(session: &str) -> bool { !session.is_empty() }
    /// # let _ = (on_this_machine, for_staff);
    /// ```
    #[cfg(feature = "inspector")]
    pub fn inspector<F, Fut>(mut self, guard: F) -> Self
    where
        F: Fn(Handshake) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.hooks.inspector = asking(guard);
        self
    }

    /// Keeps the histories in this manager. The default manager keeps 100 events of each type in each of 1,000 rooms.
    pub fn history(mut self, manager: HistoryManager) -> Self {
        self.history = Some(manager);
        self
    }

    /// Replaces the limits. Each limit's documentation in [`Limits`] gives its default.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Stores the application's own state, such as a database pool. Hooks access it with
    /// `client.dialogue().state::<T>()`.
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        self.application = Some(Arc::new(state));
        self
    }

    /// Makes the server log to this `tracing` dispatcher, such as [`default_logger()`](crate::default_logger) or
    /// [`silent_logger()`](crate::silent_logger). By default, the server logs to the application's own subscriber.
    pub fn logger(mut self, dispatch: Dispatch) -> Self {
        self.dispatch = Some(dispatch);
        self
    }

    /// Lets pages of another origin connect, in addition to pages of the server's own origin. The origin must match
    /// exactly: `https://app.example.com`. Call it once for each origin.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.allowed_origins.push(origin.into());
        self
    }

    /// Serves under this path, such as `/api/live`, instead of `/dialogue`. The path consists of segments, each after a
    /// `/`. A segment consists of ASCII letters, digits and `-._~!$&'()+,;=@`; `.` and `..` are not allowed.
    pub fn base_path(mut self, path: impl Into<String>) -> Self {
        self.base_path = path.into();
        self
    }

    /// Checks the description and makes the server. The server does not listen yet: call `serve`, or mount its router.
    ///
    /// # Errors
    ///
    /// See [`BuildError`]: a declaration, limit or other setting is invalid, or two of them contradict each other.
    pub fn build(self) -> Result<Dialogue, BuildError> {
        if self.trust_client_identity && self.hooks.authenticate.is_some() {
            return Err(BuildError::TwoIdentities);
        }
        if !is_base_path(&self.base_path) {
            return Err(BuildError::BasePath { path: self.base_path });
        }
        check_limits(&self.limits)?;
        let allowed_origins = self
            .allowed_origins
            .into_iter()
            .map(|origin| crate::origin::normal(&origin).ok_or(BuildError::Origin { origin }))
            .collect::<Result<_, _>>()?;
        let contract = Contract::of(&self.declarations, &self.events)?;
        let known_events = Arc::new(known_events(&self.declarations, self.events)?);
        let rooms = rooms(&self.declarations, known_events, self.limits.max_rooms)?;
        let limits = self.limits.with_durations_bounded();
        let history = History::new(
            self.history.unwrap_or_default(),
            &limits,
            self.hooks.on_history_evicted.is_some(),
            self.hooks.load_history.is_some(),
        );
        Ok(Dialogue {
            core: Arc::new(Core {
                hooks: self.hooks,
                rooms,
                clients: Clients::new(limits.connections_per_user),
                limits,
                history,
                listeners: Listeners::default(),
                continuity: Continuity::default(),
                http: HttpPolicy {
                    base_path: self.base_path,
                    allowed_origins,
                    trust_client_identity: self.trust_client_identity,
                },
                lifecycle: Lifecycle::default(),
                observe: Observe::default(),
                contract: PublishedContract {
                    fingerprint: contract.fingerprint(),
                    contract,
                },
                application: self.application,
                dispatch: self.dispatch,
            }),
        })
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
