//! From what was declared to what a server runs on: the checks of `build`, and its errors.

use std::collections::HashMap;
use std::sync::Arc;

use crate::contract::ContractError;
use crate::event::{DefinitionError, DefinitionResult, EventDefinition};
use crate::id::{EventName, RoomId};
use crate::limits::Limits;
use crate::protocol::MAX_DEPTH;
use crate::random::random_epoch;
use crate::room::{
    DeclaredEvents, DefaultSubscriptions, EventPolicy, IdPattern, KnownEvents, Origin, RoomCell, RoomDeclaration,
    RoomTemplate, Segment, Subscriptions,
};
use crate::runtime::rooms::registry::{Blueprint, NotAdded, Rooms};

/// Why a server cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// An event of a room cannot be defined.
    #[error("room `{room}`: {error}")]
    Event {
        /// The room's type.
        room: &'static str,
        /// Why.
        #[source]
        error: &'static DefinitionError,
    },
    /// Two declared rooms, perhaps of two room sets, have an id in common.
    #[error("`{id}` has ids in common with another declared room")]
    DuplicateRoom {
        /// The id or pattern.
        id: String,
    },
    /// A room allows any event, and two types of the same name could be meant.
    #[error("event `{name}` is defined twice in different ways, while room `{room}` allows any event")]
    AmbiguousEvent {
        /// The event's name.
        name: EventName,
        /// The open room's type.
        room: &'static str,
    },
    /// More rooms are declared than `Limits::max_rooms` allows.
    #[error("more rooms are declared than the limit of {max_rooms}")]
    TooManyRooms {
        /// The limit.
        max_rooms: usize,
    },
    /// The base path is none that a client could ask for as it is written.
    #[error("the base path `{path}` must be segments of ASCII letters, digits and `-._~!$&'()+,;=@`, each after a `/`")]
    BasePath {
        /// The path as given.
        path: String,
    },
    /// An allowed origin is not `scheme://host[:port]`.
    #[error("`{origin}` is no origin: write `https://example.com` or `https://example.com:8443`")]
    Origin {
        /// The origin as given.
        origin: String,
    },
    /// A limit cannot be kept.
    #[error("the limits contradict themselves: {reason}")]
    Limits {
        /// Which, and why.
        reason: &'static str,
    },
    /// Both `authenticate` and `trust_client_identity` were given.
    #[error("`authenticate` and `trust_client_identity` exclude each other")]
    TwoIdentities,
}

impl From<ContractError> for BuildError {
    fn from(error: ContractError) -> Self {
        match error {
            ContractError::Event { room, error } => Self::Event { room, error },
        }
    }
}

/// Whether a path stands for itself: in a URL, where a browser would encode other characters and resolve `.` and `..`, and
/// in a route, where braces, and `:` and `*` in front, mean something else.
pub(in crate::runtime) fn is_base_path(path: &str) -> bool {
    let stands_for_itself = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;=@".contains(&byte);
    path.strip_prefix('/').is_some_and(|path| {
        path.split('/')
            .all(|segment| !["", ".", ".."].contains(&segment) && segment.bytes().all(stands_for_itself))
    })
}

/// Whether the limits can be kept together.
pub(in crate::runtime) fn check_limits(limits: &Limits) -> Result<(), BuildError> {
    let rules = [
        (
            (1..=MAX_DEPTH).contains(&limits.json_depth),
            "`json_depth` must be from 1 to 127",
        ),
        (limits.message_bytes > 0, "`message_bytes` must not be 0"),
        (limits.queue_frames > 1, "`queue_frames` must be at least 2"),
        (
            limits.replay_bytes < limits.queue_bytes && limits.history_page_bytes < limits.queue_bytes,
            "`queue_bytes` must be more than `replay_bytes` and `history_page_bytes`, whose replies it is to hold",
        ),
        (limits.handler_queue > 0, "`handler_queue` must not be 0"),
        (
            limits.history_page_events > 0 && limits.room_page > 0,
            "`history_page_events` and `room_page` must not be 0, or nobody gets past a page",
        ),
        (
            limits.ping_interval.as_nanos() > 0 && limits.ping_timeout.as_nanos() > 0,
            "`ping_interval` and `ping_timeout` must not be 0",
        ),
    ];
    match rules.iter().find(|(kept, _)| !kept) {
        Some((_, reason)) => Err(BuildError::Limits { reason }),
        None => Ok(()),
    }
}

fn define(room: &'static str, events: &'static [fn() -> DefinitionResult]) -> Result<Vec<EventDefinition>, BuildError> {
    events
        .iter()
        .map(|define| define().cloned().map_err(|error| BuildError::Event { room, error }))
        .collect()
}

fn listed(declaration: &RoomDeclaration) -> &'static [fn() -> DefinitionResult] {
    match declaration.events {
        DeclaredEvents::Any => &[],
        DeclaredEvents::Only(events) => events,
    }
}

/// Every event known by name. That one name means one event matters only where a room is open.
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

/// The declared rooms and families, and those rooms that exist from the start.
pub(in crate::runtime) fn rooms(
    declarations: &[&'static RoomDeclaration],
    known: Arc<KnownEvents>,
    max_rooms: usize,
) -> Result<Rooms, BuildError> {
    let mut blueprints: Vec<Blueprint> = Vec::new();
    for declaration in declarations {
        if blueprints
            .iter()
            .any(|earlier| overlap(earlier.declaration, declaration))
        {
            return Err(BuildError::DuplicateRoom {
                id: declaration.id.to_string(),
            });
        }
        blueprints.push(Blueprint {
            declaration,
            template: Arc::new(template(declaration, &known)?),
        });
    }
    let rooms = Rooms::new(blueprints, known, max_rooms);
    for (id, blueprint) in rooms.fixed() {
        let room = RoomCell::new(
            RoomId::from(id),
            Arc::clone(&blueprint.template),
            None,
            Origin::Server,
            random_epoch(),
        );
        match rooms.add(Arc::new(room)) {
            Ok(()) => {}
            Err(NotAdded::TooMany | NotAdded::Quota) => return Err(BuildError::TooManyRooms { max_rooms }),
            Err(NotAdded::Exists) => return Err(BuildError::DuplicateRoom { id: id.to_owned() }),
        }
    }
    Ok(rooms)
}

/// Whether two declarations of different room sets claim an id in common; within a set the macro has seen to it.
fn overlap(a: &RoomDeclaration, b: &RoomDeclaration) -> bool {
    match (&a.id, &b.id) {
        (IdPattern::Fixed(a), IdPattern::Fixed(b)) => a == b,
        (IdPattern::Fixed(id), IdPattern::Family { recognises, .. })
        | (IdPattern::Family { recognises, .. }, IdPattern::Fixed(id)) => recognises(id),
        (IdPattern::Family { segments: a, .. }, IdPattern::Family { segments: b, .. }) => {
            // What the fields are called is not in the ids.
            a.len() == b.len()
                && a.iter().zip(*b).all(|pair| match pair {
                    (Segment::Literal(a), Segment::Literal(b)) => a == b,
                    (Segment::Field(_), Segment::Field(_)) => true,
                    _ => false,
                })
        }
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
