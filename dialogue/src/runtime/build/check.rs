//! The checks that `build` runs on declarations and settings, and the errors that it returns.

use std::collections::HashMap;
use std::sync::Arc;

use super::limits::InvalidLimits;
use crate::contract::ContractError;
use crate::event::{DefinitionError, DefinitionResult, EventDefinition};
use crate::id::EventName;
use crate::log::StoreFailure;
use crate::room::{
    DeclaredEvents, DefaultSubscriptions, EventPolicy, KnownEvents, RoomDeclaration, RoomTemplate, Subscriptions,
};
use crate::runtime::hooks::definition::Hooks;
use crate::runtime::rooms::registry::{Blueprint, Rooms};

/// Why [`Builder::build`](crate::Builder::build) failed. Each text says how to fix it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The store cannot be read.
    #[error("the store cannot be read")]
    StoreIndex(#[source] StoreFailure),
    /// The server has no rooms: no call of [`rooms`](crate::Builder::rooms) has added a set.
    #[error(
        "the server has no rooms: add the set of a `rooms!` block with `.rooms::<…>()`; if the program only creates \
         rooms at run time, call `.define_events([])` with their events instead"
    )]
    NoRooms,
    /// The definition of an event of a room is invalid.
    #[error("an event of room `{room}` cannot be defined")]
    Event {
        /// The room's type.
        room: &'static str,
        /// The mistake in the definition.
        source: &'static DefinitionError,
    },
    /// Two declared rooms or families can have the same id. They come from two room sets, or a set was added twice. As
    /// within one set, the types of fields do not count: `report-{year}` overlaps with `report-latest`.
    #[error(
        "room `{room}` (`{id}`) of `{set}` and room `{other_room}` (`{other_id}`) of `{other_set}` can have the same id, \
         such as `{shared_id}`: {}",
        remedy(set, room, other_set, other_room)
    )]
    DuplicateRoom {
        /// The id of the later room, or the id pattern of a family.
        id: String,
        /// The type of the later room.
        room: &'static str,
        /// The room set of the later room.
        set: &'static str,
        /// The id of the earlier room, or the id pattern of a family.
        other_id: Box<str>,
        /// The type of the earlier room.
        other_room: &'static str,
        /// The room set of the earlier room.
        other_set: &'static str,
        /// An id that both declarations match.
        shared_id: Box<str>,
    },
    /// A room allows any event, and one event name has two different definitions.
    #[error(
        "event `{name}` has two different definitions, but room `{room}` allows any event: rename one of the \
         events, or list the room's events"
    )]
    AmbiguousEvent {
        /// The event's name.
        name: EventName,
        /// The type of the room that allows any event.
        room: &'static str,
    },
    /// The declarations contain more rooms than `Limits::max_rooms` allows.
    #[error("too many declared rooms (max_rooms = {max_rooms}): raise `Limits::max_rooms`")]
    TooManyRooms {
        /// The limit.
        max_rooms: usize,
    },
    /// The base path contains characters or segments that a URL or a route would change.
    #[error(
        "invalid base path `{path}`: write segments of ASCII letters, digits and `-._~!$&'()+,;=@`, each after a `/`, \
         such as `/api/live`"
    )]
    BasePath {
        /// The path that was given.
        path: String,
    },
    /// The public URL isn't the URL of a WebSocket, or has a query, a fragment or credentials.
    #[error("`{url}` is not the public URL of a WebSocket: write `wss://chat.example/dialogue/ws`")]
    PublicUrl {
        /// The URL that was given.
        url: String,
    },
    /// An allowed origin does not have the form `scheme://host[:port]` or `scheme://*.host[:port]`.
    #[error(
        "invalid origin `{origin}`: write `https://example.com` or `https://example.com:8443`; `https://*.example.com` \
         allows the subdomains of a host"
    )]
    Origin {
        /// The origin that was given.
        origin: String,
    },
    /// A limit has an impossible value, or two limits contradict each other.
    #[error(transparent)]
    Limits(#[from] InvalidLimits),
    /// [`state`](crate::Builder::state) received two values of one type.
    #[error("`state` received two values of type `{type_name}`: wrap one of them in a type of its own")]
    DuplicateState {
        /// The type.
        type_name: &'static str,
    },
    /// [`authenticate_jwt`](crate::Builder::authenticate_jwt) cannot check any token. The program contains both crypto
    /// backends of `jsonwebtoken`, and has used that crate before anything chose one of them: the program, or its first
    /// [`Jwt`](crate::jwt::Jwt).
    #[cfg(feature = "jwt")]
    #[error(
        "`jsonwebtoken` can check no token: it has two crypto backends here, and was used before one of them was chosen; \
         call `CryptoProvider::install_default` of `jsonwebtoken`, or make the `Jwt`, before you use `jsonwebtoken`"
    )]
    NoCryptoProvider,
    /// A hook is for a room type that the server does not have, so it would never run.
    #[error("`{hook}` is for room `{room}`, which the server does not have: add its set with `.rooms::<…>()`")]
    UnknownRoom {
        /// The method of the builder that set the hook.
        hook: &'static str,
        /// The room's type.
        room: &'static str,
    },
    /// [`require_guards`](crate::Builder::require_guards) is set, and some rooms have no guard of their own.
    #[error("no guard for {}: add `.before_join_of(|client, room: {}| …)`", list(rooms), rooms.first().unwrap_or(&"…"))]
    Unguarded {
        /// The types of these rooms, in the order of their declaration.
        rooms: Vec<&'static str>,
    },
    /// The builder has both `authenticate` and `trust_client_identity`.
    #[error("`authenticate` and `trust_client_identity` cannot be combined: remove one of them")]
    TwoIdentities,
    /// The server has a cluster, and `build` was called outside of a tokio runtime.
    #[error(
        "a server with a cluster belongs in a tokio runtime: call `build` in an `async` function, such as `main` under `#[tokio::main]`"
    )]
    NoRuntime,
    /// The builder has both a [store](crate::Builder::store) and a [cluster](crate::Builder::cluster).
    #[cfg(all(feature = "sqlite", feature = "redis"))]
    #[error(
        "`store` and `cluster` cannot be combined: the nodes of a cluster keep their rooms in Redis; remove one of them"
    )]
    StoreAndCluster,
    /// The settings of the [cluster](crate::Builder::cluster) cannot be used.
    #[cfg(feature = "redis")]
    #[error(transparent)]
    Cluster(#[from] crate::cluster::redis::RedisError),
    /// The file of the [store](crate::Builder::store) does not open.
    #[cfg(feature = "sqlite")]
    #[error(transparent)]
    Store(#[from] crate::log::sqlite::SqliteError),
}

impl From<ContractError> for BuildError {
    fn from(error: ContractError) -> Self {
        match error {
            ContractError::Event { room, source } => Self::Event { room, source },
            ContractError::ServerUrl { url } => Self::PublicUrl { url },
        }
    }
}

/// Whether a path means itself both in a URL and in a route. In a URL, a browser would encode other characters and
/// resolve `.` and `..`. In a route, braces have a special meaning, and so have `:` and `*` at the start of a segment.
pub(in crate::runtime) fn is_base_path(path: &str) -> bool {
    let stands_for_itself = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;=@".contains(&byte);
    path.strip_prefix('/').is_some_and(|path| {
        path.split('/')
            .all(|segment| !["", ".", ".."].contains(&segment) && segment.bytes().all(stands_for_itself))
    })
}

/// What to do about two rooms that can have the same id.
fn remedy(set: &str, room: &str, other_set: &str, other_room: &str) -> &'static str {
    if (set, room) == (other_set, other_room) {
        "call `.rooms::<…>()` once for each set"
    } else {
        "start one of the two ids differently"
    }
}

/// The names, each in backticks.
fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Checks that the room of each hook belongs to the server.
pub(in crate::runtime) fn check_hooks<C, R>(
    declarations: &[&'static RoomDeclaration],
    hooks: &Hooks<C, R>,
) -> Result<(), BuildError> {
    let is_known = |of: &RoomDeclaration| declarations.iter().any(|known| std::ptr::eq(*known, of));
    match hooks.scopes().find(|(_, of)| !is_known(of)) {
        Some((hook, of)) => Err(BuildError::UnknownRoom {
            hook,
            room: of.type_name,
        }),
        None => Ok(()),
    }
}

/// Checks that every declared room has a guard of its own.
pub(in crate::runtime) fn check_guards<C, R>(
    declarations: &[&'static RoomDeclaration],
    hooks: &Hooks<C, R>,
) -> Result<(), BuildError> {
    let unguarded = declarations.iter().filter(|room| !hooks.before_join.has_of(room));
    let rooms: Vec<_> = unguarded.map(|room| room.type_name).collect();
    if rooms.is_empty() {
        return Ok(());
    }
    Err(BuildError::Unguarded { rooms })
}

fn define(room: &'static str, events: &'static [fn() -> DefinitionResult]) -> Result<Vec<EventDefinition>, BuildError> {
    events
        .iter()
        .map(|define| define().cloned().map_err(|source| BuildError::Event { room, source }))
        .collect()
}

fn listed(declaration: &RoomDeclaration) -> &'static [fn() -> DefinitionResult] {
    match declaration.events {
        DeclaredEvents::Any => &[],
        DeclaredEvents::Only(events) => events,
    }
}

/// Every registered event by its name. A name must be unique only if there is a room that allows any event.
pub(in crate::runtime) fn known_events(
    declarations: &[&'static RoomDeclaration],
    others: Vec<EventDefinition>,
) -> Result<KnownEvents, BuildError> {
    let open = declarations
        .iter()
        .find(|declaration| matches!(declaration.events, DeclaredEvents::Any));
    let mut known: KnownEvents = HashMap::new();
    let mut add = |definition: EventDefinition| match known.get(definition.name()) {
        Some(first) if !first.is_same_event(&definition) => match open {
            Some(open) => Err(BuildError::AmbiguousEvent {
                name: definition.name().clone(),
                room: open.type_name,
            }),
            None => Ok(()),
        },
        _ => {
            known.insert(definition.name().clone(), definition);
            Ok(())
        }
    };
    for declaration in declarations {
        for definition in define(declaration.type_name, listed(declaration))? {
            add(definition)?;
        }
        for definition in define(declaration.type_name, declaration.server_events)? {
            add(definition)?;
        }
    }
    others.into_iter().try_for_each(add)?;
    Ok(known)
}

/// The declared rooms and families, as the server uses them.
pub(in crate::runtime) fn blueprints(
    declarations: &[&'static RoomDeclaration],
    known: &Arc<KnownEvents>,
) -> Result<Vec<Blueprint>, BuildError> {
    let blueprint = |declaration: &&'static RoomDeclaration| {
        Ok(Blueprint {
            declaration,
            template: Arc::new(template(declaration, known)?),
        })
    };
    declarations.iter().map(blueprint).collect()
}

/// Checks that the declared rooms that exist from the start fit into the server.
pub(in crate::runtime) fn check_room_count(rooms: &Rooms, max_rooms: usize) -> Result<(), BuildError> {
    match rooms.fixed().count() > max_rooms {
        true => Err(BuildError::TooManyRooms { max_rooms }),
        false => Ok(()),
    }
}

fn template(declaration: &'static RoomDeclaration, known: &Arc<KnownEvents>) -> Result<RoomTemplate, BuildError> {
    let server_events = define(declaration.type_name, declaration.server_events)?;
    let policy = match declaration.events {
        DeclaredEvents::Any => EventPolicy::open_with([], server_events, Arc::clone(known)),
        DeclaredEvents::Only(events) => {
            EventPolicy::listed(define(declaration.type_name, events)?, server_events, Arc::clone(known))
        }
    };
    Ok(RoomTemplate {
        declaration: Some(declaration),
        name: declaration.name.to_owned(),
        description: declaration.description.map(str::to_owned),
        policy: Arc::new(policy),
        default_subscriptions: match declaration.default_subscriptions {
            DefaultSubscriptions::All => Subscriptions::all(),
            DefaultSubscriptions::Only(names) => {
                Subscriptions::Named(names.iter().map(|name| EventName::from(*name)).collect())
            }
        },
        max_size: declaration.max_size,
        sync_history_on_join: declaration.sync_history_on_join,
        family: declaration.family,
    })
}
