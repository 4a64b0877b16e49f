//! The builder of a server: its rooms, hooks and limits.

use std::sync::Arc;

use tokio::runtime::Handle;
use tracing::Dispatch;

use super::check::{BuildError, blueprints, check_guards, check_hooks, check_room_count, is_base_path, known_events};
use super::ids::check_ids;
use super::limits::check_limits;
use crate::cluster::Cluster;
use crate::contract::{Contract, RoomSet, ServerUrl};
use crate::event::EventDefinition;
use crate::limits::Limits;
use crate::log::HistoryManager;
use crate::log::durable::DurableLog;
use crate::origin::AllowedOrigin;
use crate::room::RoomDeclaration;
use crate::runtime::application::ApplicationState;
use crate::runtime::begin;
use crate::runtime::clients::Clients;
use crate::runtime::core::{
    Client, Continuity, Core, Dialogue, HttpPolicy, PublishedContract, RoomHandle, ServerLogger,
};
use crate::runtime::first_contact::FirstContact;
use crate::runtime::handlers::listeners::Listeners;
use crate::runtime::history::keep::History;
use crate::runtime::history::{alarm, retention};
use crate::runtime::hooks::definition::Hooks;
use crate::runtime::lifecycle::Lifecycle;
use crate::runtime::observe::emit::Observe;
use crate::runtime::observe::log_limit::LogLimiter;
use crate::runtime::publish::fed::NodeFeed;
use crate::runtime::rooms::fixed::{StoredRooms, add_fixed};
use crate::runtime::rooms::load::note_index;
use crate::runtime::rooms::registry::Rooms;

/// Describes a server: its rooms, hooks and limits. [`Dialogue::builder`] returns it, and [`build`](Self::build) makes
/// the server. Everything has a default except the rooms.
///
/// # Hooks
///
/// A hook is a closure that returns a future; only [`after_each`](Self::after_each) returns its result at once. Its error
/// is a [`HookError`](crate::HookError): `?` converts any error into it.
///
/// - A *deciding* hook, such as `authenticate`, `before_join`, `authorize` or `before_each`, may refuse with a
///   [`Refusal`](crate::Refusal), whose reason the client receives. If the hook fails, panics or times out, the client is
///   not admitted either, but it is told to try again: it receives `UNAVAILABLE` with `retryAfter`. A member stays.
/// - All other hooks are *notifications*, such as `on_joined`. The server logs an error, a panic or a timeout.
///
/// Hooks of one kind add up: they run one after another, in the order in which you set them. Deciding hooks must all
/// agree, and the first one that does not is the answer. A hook whose name ends in `_of`, such as
/// [`before_join_of`](Self::before_join_of), runs only for one declared room or family, and receives the fields of the
/// room's id. It runs in order with the others of its kind. [`build`](Self::build) fails if the server does not have the
/// room.
///
/// Each hook times out after [`Limits::hook_deadline`], so several slow hooks of one kind add up; only `authenticate` has
/// another deadline, which its hooks share. A hook that fails harms nothing else. The notification hooks of
/// one client run one after another, in the order of the things that they report.
#[must_use = "call `build`"]
pub struct Builder {
    /// Whether the application has said which rooms or events there are, even if there are none.
    is_described: bool,
    declarations: Vec<&'static RoomDeclaration>,
    /// The name of the room set of each declaration.
    sets: Vec<&'static str>,
    events: Vec<EventDefinition>,
    pub(super) hooks: Hooks<Client, RoomHandle>,
    limits: Limits,
    history: Option<HistoryManager>,
    durable: Option<Arc<dyn DurableLog>>,
    cluster: Option<Arc<dyn Cluster>>,
    #[cfg(feature = "sqlite")]
    store: Option<crate::log::sqlite::Sqlite>,
    #[cfg(feature = "redis")]
    redis: Option<crate::cluster::redis::Redis>,
    application: ApplicationState,
    /// The first type of application state that was given twice.
    twice: Option<&'static str>,
    /// The error that `build` returns in any case.
    fault: Option<BuildError>,
    dispatch: Option<Dispatch>,
    trust_client_identity: bool,
    require_guards: bool,
    allowed_origins: Vec<String>,
    base_path: String,
    public_url: Option<String>,
}

impl Builder {
    pub(in crate::runtime) fn new() -> Self {
        Self {
            is_described: false,
            declarations: Vec::new(),
            sets: Vec::new(),
            events: Vec::new(),
            hooks: Hooks::default(),
            limits: Limits::default(),
            history: None,
            durable: None,
            cluster: None,
            #[cfg(feature = "sqlite")]
            store: None,
            #[cfg(feature = "redis")]
            redis: None,
            application: ApplicationState::default(),
            twice: None,
            fault: None,
            dispatch: None,
            trust_client_identity: false,
            require_guards: false,
            allowed_origins: Vec::new(),
            base_path: "/dialogue".to_owned(),
            public_url: None,
        }
    }

    /// Adds every room that a [`rooms!`](crate::rooms) block declares. Call it once for each block. Without any call,
    /// [`build`](Self::build) fails, unless the program calls [`define_events`](Self::define_events).
    pub fn rooms<R: RoomSet>(mut self) -> Self {
        self.is_described = true;
        self.declarations.extend(R::declarations());
        self.sets.resize(self.declarations.len(), std::any::type_name::<R>());
        self
    }

    /// Registers events in addition to the events of declared rooms. A room that allows any event validates the events
    /// that are registered.
    ///
    /// A program without a [`rooms!`](crate::rooms) block, which creates its rooms at run time
    /// ([`create_room`](Dialogue::create_room)), calls this method instead of [`rooms`](Self::rooms). If its events have
    /// no schema, it passes `[]`.
    pub fn define_events(mut self, events: impl IntoIterator<Item = EventDefinition>) -> Self {
        self.is_described = true;
        self.events.extend(events);
        self
    }

    /// Keeps rooms and their history in a file, so that they survive a restart: see [`Sqlite`](crate::sqlite::Sqlite).
    /// Without a store, the server keeps them in memory. The last call applies.
    ///
    /// [`build`](Self::build) opens the file, and waits for the disk meanwhile.
    #[cfg(feature = "sqlite")]
    pub fn store(mut self, store: crate::log::sqlite::Sqlite) -> Self {
        self.store = Some(store);
        self
    }

    /// Makes this server a node of an application that runs on several: they share their rooms and histories through a Redis,
    /// see [`Redis`](crate::redis::Redis). Clients may connect to any node. The last call applies. It cannot be combined with
    /// `store`.
    ///
    /// [`build`](Self::build) must be called in a tokio runtime. It waits for nothing: the server connects in the background, and
    /// admits no client before it has reached Redis once. Until then, `/ready` answers 503. If this Redis cannot be used until
    /// somebody repairs it, [`serve`](Dialogue::serve) returns an error that says what to do.
    ///
    /// ```
    /// use dialogue::Dialogue;
    /// use dialogue::redis::Redis;
    ///
    /// # async fn example() -> Result<(), dialogue::BuildError> {
    /// let dialogue = Dialogue::builder()
    ///     .define_events([])
    ///     .cluster(Redis::connect("redis://redis.internal").prefix("desk"))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "redis")]
    pub fn cluster(mut self, redis: crate::cluster::redis::Redis) -> Self {
        self.redis = Some(redis);
        self
    }

    /// Keeps rooms and their history in a log that several nodes share.
    #[cfg(test)]
    pub(crate) fn with_cluster(mut self, cluster: Arc<dyn Cluster>) -> Self {
        self.cluster = Some(Arc::clone(&cluster));
        self.durable(cluster)
    }

    /// Keeps the rooms' logs in this store, which is open already.
    #[cfg(test)]
    pub(crate) fn durable(mut self, store: Arc<dyn DurableLog>) -> Self {
        self.durable = Some(store);
        self
    }

    /// Trusts what clients claim: the user id is `auth.userId`. Anyone can impersonate anyone, so use this for demos
    /// and tests only. A client without `auth.userId` is anonymous.
    pub fn trust_client_identity(mut self) -> Self {
        self.trust_client_identity = true;
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

    /// Stores a value of the application's own state, such as a database pool. Hooks access it with
    /// `client.dialogue().state::<T>()`. A server may have several values, each of another type: [`build`](Self::build)
    /// fails if two values have one type.
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        if !self.application.insert(state) {
            self.twice.get_or_insert(std::any::type_name::<T>());
        }
        self
    }

    /// Demands that every declared room has a guard of its own: a [`before_join_of`](Self::before_join_of). Otherwise,
    /// [`build`](Self::build) fails and names each room without one. No room that you add later is then open by mistake.
    /// For a room that everybody may join, write the guard `|_, _: Lobby| async { Ok(()) }`.
    ///
    /// A general [`before_join`](Self::before_join) runs in addition, and guards the rooms that are not declared. Without
    /// one, [`create_room`](Dialogue::create_room) creates no such room.
    pub fn require_guards(mut self) -> Self {
        self.require_guards = true;
        self
    }

    /// Makes the server log to this `tracing` dispatcher, such as [`default_logger()`](crate::default_logger) or
    /// [`silent_logger()`](crate::silent_logger). By default, the server logs to the application's own subscriber.
    pub fn logger(mut self, dispatch: Dispatch) -> Self {
        self.dispatch = Some(dispatch);
        self
    }

    /// Lets pages of another origin connect, in addition to pages of the server's own origin. Call it once for each origin.
    ///
    /// An origin such as `https://app.example.com` must match exactly. A pattern such as `https://*.example.com` allows
    /// every subdomain, `https://a.b.example.com` too, but not `https://example.com` itself. The scheme and the port must
    /// match. Everybody who can put a page on one of these subdomains can then connect with the cookies of your users.
    /// `*` stands at the beginning of the host, and for nothing else: [`build`](Self::build) rejects every other pattern.
    /// Write international names in ASCII, as browsers send them: `https://xn--mnchen-3ya.example`.
    ///
    /// For origins that only a database knows, see [`check_origin`](Self::check_origin).
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

    /// Sets the URL at which clients reach the server's WebSocket, such as `wss://chat.example/dialogue/ws`. The AsyncAPI
    /// documents that the server serves then say where it is. A URL without a path means the server's own path: `ws` below
    /// [`base_path`](Self::base_path). By default, the documents do not say it, because a server cannot know the URL.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Makes `build` fail.
    #[cfg(feature = "jwt")]
    pub(crate) fn failing(mut self, fault: BuildError) -> Self {
        self.fault.get_or_insert(fault);
        self
    }

    /// Checks the description and makes the server. The server does not listen yet: call `serve`, or mount its router.
    ///
    /// # Errors
    ///
    /// See [`BuildError`]: a declaration, limit or other setting is invalid, or two of them contradict each other.
    pub fn build(self) -> Result<Dialogue, BuildError> {
        if self.trust_client_identity && !self.hooks.authenticate.is_empty() {
            return Err(BuildError::TwoIdentities);
        }
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if let Some(type_name) = self.twice {
            return Err(BuildError::DuplicateState { type_name });
        }
        check_hooks(&self.declarations, &self.hooks)?;
        if self.require_guards {
            check_guards(&self.declarations, &self.hooks)?;
        }
        if !is_base_path(&self.base_path) {
            return Err(BuildError::BasePath { path: self.base_path });
        }
        let public_url = match self.public_url {
            None => None,
            Some(url) => match ServerUrl::parse(&url, &format!("{}/ws", self.base_path)) {
                Some(parsed) => Some(parsed),
                None => return Err(BuildError::PublicUrl { url }),
            },
        };
        check_limits(&self.limits)?;
        let allowed_origins = self
            .allowed_origins
            .into_iter()
            .map(|origin| AllowedOrigin::parse(&origin).ok_or(BuildError::Origin { origin }))
            .collect::<Result<_, _>>()?;
        if !self.is_described {
            return Err(BuildError::NoRooms);
        }
        check_ids(&self.declarations, &self.sets)?;
        let contract = Contract::of(&self.declarations, &self.events)?;
        let known_events = Arc::new(known_events(&self.declarations, self.events)?);
        let blueprints = blueprints(&self.declarations, &known_events)?;
        let limits = self.limits.with_durations_bounded();
        #[cfg_attr(not(feature = "redis"), expect(unused_mut, reason = "nothing is connected"))]
        let mut cluster = self.cluster;
        #[cfg_attr(
            not(any(feature = "sqlite", feature = "redis")),
            expect(unused_mut, reason = "no file is opened, and nothing is connected")
        )]
        let mut durable = self.durable;
        #[cfg(all(feature = "sqlite", feature = "redis"))]
        if self.store.is_some() && self.redis.is_some() {
            return Err(BuildError::StoreAndCluster);
        }
        // After the checks of the declarations, so that no mistake in them leaves a new file.
        #[cfg(feature = "sqlite")]
        if let Some(store) = self.store {
            durable = Some(Arc::new(store.start(limits.store_queue_bytes)?));
        }
        #[cfg(feature = "redis")]
        if let Some(redis) = self.redis {
            if Handle::try_current().is_err() {
                return Err(BuildError::NoRuntime);
            }
            let options = crate::cluster::redis::Options {
                archives: !self.hooks.on_history_evicted.is_empty(),
                queue_bytes: limits.store_queue_bytes,
                fingerprint: contract.fingerprint().to_string(),
            };
            let started = Arc::new(crate::cluster::redis::RedisCluster::start(redis, options)?);
            durable = Some(Arc::<crate::cluster::redis::RedisCluster>::clone(&started));
            cluster = Some(started);
        }
        let rooms = Rooms::new(blueprints, known_events, &limits);
        let max_rooms = limits.max_rooms;
        let mut index = Vec::new();
        match (&cluster, &durable) {
            (None, durable) => {
                if let Some(durable) = durable {
                    index = durable.index().map_err(BuildError::StoreIndex)?;
                }
                let stored = durable.as_deref().map(|durable| StoredRooms::new(durable, &index));
                add_fixed(&rooms, stored.as_ref()).map_err(|_| BuildError::TooManyRooms { max_rooms })?;
            }
            // The rest follows at the first contact.
            (Some(_), _) if Handle::try_current().is_err() => return Err(BuildError::NoRuntime),
            (Some(_), _) => check_room_count(&rooms, max_rooms)?,
        }
        let history = History::new(
            self.history.unwrap_or_default(),
            durable,
            &limits,
            !self.hooks.on_history_evicted.is_empty(),
            !self.hooks.load_history.is_empty(),
        );
        let continuity = Continuity::new(&limits);
        let (first_contact, progress) = FirstContact::of(cluster.is_some());
        let dialogue = Dialogue {
            core: Arc::new(Core {
                hooks: self.hooks,
                rooms,
                clients: Clients::new(&limits),
                limits,
                history,
                cluster,
                first_contact,
                listeners: Listeners::default(),
                continuity,
                http: HttpPolicy {
                    base_path: self.base_path,
                    allowed_origins,
                    trust_client_identity: self.trust_client_identity,
                },
                lifecycle: Lifecycle::default(),
                observe: Observe::default(),
                contract: PublishedContract {
                    public_url,
                    fingerprint: contract.fingerprint(),
                    contract,
                },
                application: self.application,
                guards_required: self.require_guards,
                logger: ServerLogger(self.dispatch),
                log_limiter: LogLimiter::default(),
            }),
        };
        let core = &dialogue.core;
        if let Some(store) = &core.history.durable {
            core.lifecycle.tasks.note_runtime();
            alarm::watch(core, &**store);
        }
        match (&core.cluster, &core.history.durable) {
            (Some(cluster), _) => {
                cluster.listen(Arc::new(NodeFeed::new(core)));
                begin::start(core, &**cluster, progress);
            }
            (None, Some(store)) => {
                core.continuity.begin(&core.limits, store.run(), false);
                retention::start(core);
                note_index(core, index);
            }
            (None, None) => {}
        }
        Ok(dialogue)
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
