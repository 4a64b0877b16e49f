//! The description of a server: its rooms, hooks and limits.

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
use crate::runtime::continuity::part::Continuity;
use crate::runtime::core::{Client, Core, Dialogue, HttpPolicy, PublishedContract, RoomHandle};
use crate::runtime::handlers::listeners::Listeners;
use crate::runtime::history::keep::History;
use crate::runtime::hooks::definition::{Hook, Hooks};
use crate::runtime::lifecycle::Lifecycle;
use crate::runtime::observe::emit::Observe;

/// Describes a server: what [`Dialogue::builder`] returns. Every part has a default but the rooms.
///
/// Hooks are closures that return a future (`after_each`, one that returns nothing). They are contained: a panic, an error or a
/// run longer than [`Limits::hook_deadline`] means no from a hook that is asked, is logged of one that is told, and harms
/// nothing else. The notification hooks of one client run one after another, in the order of what they tell of.
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

/// Boxes a hook of one argument whose answer matters.
fn asking<A, O, F, Fut>(hook: F) -> Option<Hook<A, O>>
where
    A: 'static,
    F: Fn(A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = O> + Send + 'static,
{
    Some(Arc::new(move |argument| Box::pin(hook(argument))))
}

/// Boxes a hook of one argument that is only told.
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

    /// Adds every room of a [`rooms!`](crate::rooms) block. May be called for several.
    pub fn rooms<R: RoomSet>(mut self) -> Self {
        self.declarations.extend(R::declarations());
        self
    }

    /// Makes events known by name besides those of declared rooms, so that rooms which allow any event validate them.
    pub fn events(mut self, events: impl IntoIterator<Item = EventDefinition>) -> Self {
        self.events.extend(events);
        self
    }

    /// Decides who a client is: called once for each connection with what it presents, and again when it presents a
    /// fresh token. Its deadline is what is left of [`Limits::connect_deadline`].
    ///
    /// Without it, every client is anonymous and the server makes its user id.
    pub fn authenticate<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Handshake) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Identity, Refusal>> + Send + 'static,
    {
        self.hooks.authenticate = asking(hook);
        self
    }

    /// Believes what clients say of themselves: the user id is `auth.userId`. Anyone can be anyone; for demos and tests
    /// only. A client without `auth.userId` is anonymous.
    pub fn trust_client_identity(mut self) -> Self {
        self.trust_client_identity = true;
        self
    }

    /// Told of each client once it is connected, before its first command is run. `client.join(…)` there puts it into
    /// rooms.
    pub fn on_connected<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_connected = telling(hook);
        self
    }

    /// Told of each client whose connection has ended, while it is still in its rooms
    /// ([`rooms_of`](Dialogue::rooms_of) tells which). They are left when it returns, or at its deadline.
    pub fn on_disconnected<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_disconnected = telling(hook);
        self
    }

    /// Asked before a client gets into a room; a refusal is answered with `JOIN_DENIED` and its reason. For a room on
    /// demand, asked before the room exists.
    pub fn before_join<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client, RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.hooks.before_join = asking(move |(client, room)| hook(client, room));
        self
    }

    /// Asked before each event that a client triggers, after it is known that the room allows clients the event in general:
    /// whether this client may trigger this one. A refusal is answered with `PERMISSION_DENIED` and its reason.
    ///
    /// Rules about the data are [`before_each`](Self::before_each)'s.
    pub fn authorize<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client, RoomHandle, EventName) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.hooks.authorize = asking(move |(client, room, event)| hook(client, room, event));
        self
    }

    /// Told of each client that has got into a room. The client's next command is run after it.
    pub fn on_joined<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client, RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_joined = telling(move |(client, room)| hook(client, room));
        self
    }

    /// Told of each client that is no longer in a room, however it came to leave: once for each `on_joined`.
    pub fn on_left<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client, RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_left = telling(move |(client, room)| hook(client, room));
        self
    }

    /// Told of each room that comes into being after the start.
    pub fn on_room_created<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_room_created = telling(hook);
        self
    }

    /// Told of each room that has been deleted, or was on demand and has gone.
    pub fn on_room_deleted<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_room_deleted = telling(hook);
        self
    }

    /// Asked before each event, of clients and of the server, is sent. It may change the data or the metadata, or refuse;
    /// the reason is told to the sender as `BLOCKED`. Changed data is validated again. The event's name, room, sender and
    /// time are not its to change.
    pub fn before_each<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(EventMessage, RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<EventMessage, Refusal>> + Send + 'static,
    {
        self.hooks.before_each = asking(move |(message, room)| hook(message, room));
        self
    }

    /// Told of each event once it is queued for its recipients, by the [`Delivery`]. Runs on the spot, before the trigger
    /// returns, so it must be quick. A panic is logged.
    pub fn after_each<F>(mut self, hook: F) -> Self
    where
        F: Fn(&EventMessage, &Delivery) + Send + Sync + 'static,
    {
        self.hooks.after_each = Some(Arc::new(hook));
        self
    }

    /// Told of each event once it is queued for its recipients, off its way and in no order. At most 1,024 run at once;
    /// over that, events are not told, and that is logged.
    pub fn on_triggered<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(EventMessage, RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_triggered = telling(move |(message, room)| hook(Arc::unwrap_or_clone(message), room));
        self
    }

    /// Handed the events that memory no longer keeps, to be stored elsewhere: at least once, those of a room and type in order.
    /// A batch that fails comes again, five times in all, with pauses from 0.1 s that double; then it is given up, and an error
    /// is logged. At most 50,000 events and [`Limits::history_bytes`] wait; over it the oldest are given up, and logged. Those
    /// of the last hand-over, when the server stops, all wait. One batch is handed over at a time, up to 100 events of one room
    /// and type, and the one that has waited longest is next.
    ///
    /// Also handed over is what is in memory when the server stops, and when an on-demand room goes; but not the history of
    /// a room that is deleted, nor what [`HistoryManager::push`] and [`HistoryManager::clear_room`] evict by hand: that is
    /// returned to their caller.
    pub fn on_history_evicted<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(EvictedHistory) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.hooks.on_history_evicted = asking(hook);
        self
    }

    /// Asked for the history that memory no longer keeps, when a client or [`RoomHandle::history`] pages back so far.
    /// Without it, history ends where memory does. A refusal is answered with `UNAVAILABLE` and its reason.
    ///
    /// Return the newest events of the room and type that [`HistoryQuery`] describes, in any order; what does not fit it is
    /// left out. They are sorted by `seq`; those without one count as older, and are sorted by `timestamp`, of which the equal
    /// stay as they are returned, newest first. An [`EventMessage`] is stored and read back by serde.
    pub fn load_history<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(HistoryQuery) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<EventMessage>, Refusal>> + Send + 'static,
    {
        self.hooks.load_history = asking(hook);
        self
    }

    /// Turns the inspector on: a page at `{base}/inspect` (`/dialogue/inspect` by default) that shows rooms, members, rates
    /// and events as they happen, and triggers events as the server. Without this, there are no such routes.
    ///
    /// Whoever the hook lets in sees everything that anyone says, and may say anything in any room. It is asked before
    /// each request, with its headers, cookies, query and peer; `auth` is `null`. A refusal is answered with 403 and its
    /// reason. To open it for oneself alone, there is [`local_only`](crate::local_only):
    ///
    /// ```
    /// # use dialogue::{Dialogue, Handshake, Refusal};
    /// let for_oneself = Dialogue::builder().inspector(dialogue::local_only);
    /// let for_staff = Dialogue::builder().inspector(|request: Handshake| async move {
    ///     match request.cookie("session") {
    ///         Some(session) if is_staff(session).await => Ok(()),
    ///         _ => Err(Refusal::new("this is for staff")),
    ///     }
    /// });
    /// # async fn is_staff(session: &str) -> bool { !session.is_empty() }
    /// # let _ = (for_oneself, for_staff);
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

    /// Keeps histories in this manager rather than in one with the default limits: 100 events of each type in each of 1,000
    /// rooms.
    pub fn history(mut self, manager: HistoryManager) -> Self {
        self.history = Some(manager);
        self
    }

    /// Replaces the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Keeps something of the application's at hand: hooks get at it with `client.dialogue().state::<T>()`.
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        self.application = Some(Arc::new(state));
        self
    }

    /// Logs to this `tracing` dispatcher, such as [`default_logger()`](crate::default_logger) or
    /// [`silent_logger()`](crate::silent_logger). Without one, the application's own subscriber is used.
    pub fn logger(mut self, dispatch: Dispatch) -> Self {
        self.dispatch = Some(dispatch);
        self
    }

    /// Lets pages of another origin connect, besides those of the server's own: `https://app.example.com`, exact.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.allowed_origins.push(origin.into());
        self
    }

    /// Serves under another path than `/dialogue`, such as `/api/live`: segments of ASCII letters, digits and
    /// `-._~!$&'()+,;=@`, each after a `/`.
    pub fn base_path(mut self, path: impl Into<String>) -> Self {
        self.base_path = path.into();
        self
    }

    /// Checks the description and makes the server. Nothing listens yet.
    ///
    /// # Errors
    ///
    /// See [`BuildError`].
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
