//! The contract as data: all declared rooms with the definitions of their events.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::event::{DefinitionError, DefinitionResult, EventDefinition, validate_event_data};
use crate::id::EventName;
use crate::room::{DeclaredEvents, IdPattern, RoomDeclaration, Segment};

/// The reason why a contract cannot be described.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// An event of a room cannot be defined. A server with this room cannot be built either.
    #[error("an event of room `{room}` cannot be defined")]
    Event {
        /// The name of the room's type.
        room: &'static str,
        /// The reason.
        source: &'static DefinitionError,
    },
    /// The URL of a server isn't the URL of a WebSocket, or has a query, a fragment or credentials.
    #[error("`{url}` is not the URL of a WebSocket: write `wss://chat.example/dialogue/ws`")]
    ServerUrl {
        /// The URL that was given.
        url: String,
    },
}

/// The events that clients may trigger and receive in the rooms of a server or of one room set.
#[derive(Debug)]
pub(crate) struct Contract {
    pub(super) rooms: Vec<ContractRoom>,
    /// The events whose name has only one definition. Rooms that allow any event know these.
    known: BTreeMap<EventName, EventDefinition>,
}

/// A declared room or family.
#[derive(Debug)]
pub(super) struct ContractRoom {
    pub(super) declaration: &'static RoomDeclaration,
    /// The events listed in `events`.
    pub(super) events: Vec<EventDefinition>,
    /// The events listed in `server_events`.
    pub(super) server_events: Vec<EventDefinition>,
}

/// The events that clients may trigger, or receive, in a room.
#[derive(Debug)]
pub(super) struct RoomEvents<'c> {
    /// The events that are known by name.
    pub(super) known: Vec<&'c EventDefinition>,
    /// Whether any other event is possible too.
    pub(super) open: bool,
}

impl Contract {
    /// Describes these rooms. `others` are further events that the server knows.
    pub(crate) fn of(
        declarations: &[&'static RoomDeclaration],
        others: &[EventDefinition],
    ) -> Result<Self, ContractError> {
        let rooms = declarations
            .iter()
            .map(|&declaration| {
                let define = |events| define(declaration.type_name, events);
                Ok(ContractRoom {
                    declaration,
                    events: match declaration.events {
                        DeclaredEvents::Any => Vec::new(),
                        DeclaredEvents::Only(events) => define(events)?,
                    },
                    server_events: define(declaration.server_events)?,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut known: BTreeMap<EventName, Option<EventDefinition>> = BTreeMap::new();
        for event in rooms.iter().flat_map(ContractRoom::listed).chain(others) {
            known
                .entry(event.name().clone())
                .and_modify(|first| {
                    if first.as_ref().is_some_and(|first| !first.is_same_event(event)) {
                        *first = None;
                    }
                })
                .or_insert_with(|| Some(event.clone()));
        }
        Ok(Self {
            rooms,
            known: known
                .into_iter()
                .filter_map(|(name, event)| Some((name, event?)))
                .collect(),
        })
    }

    /// The events that rooms for any event know by name. There are none if no room allows any event.
    pub(super) fn known_in_open_rooms(&self) -> impl Iterator<Item = &EventDefinition> {
        let any_is_open = self
            .rooms
            .iter()
            .any(|room| self.triggers(room).open || self.received(room).open);
        self.known.values().filter(move |_| any_is_open)
    }

    /// The events that clients may trigger in a room.
    pub(super) fn triggers<'c>(&'c self, room: &'c ContractRoom) -> RoomEvents<'c> {
        let open = matches!(room.declaration.events, DeclaredEvents::Any);
        self.room_events(room.events.iter(), open)
    }

    /// The events that clients may receive in a room.
    pub(super) fn received<'c>(&'c self, room: &'c ContractRoom) -> RoomEvents<'c> {
        // If the room lists no events, the server may trigger any event.
        self.room_events(room.listed(), room.listed().next().is_none())
    }

    fn room_events<'c>(&'c self, listed: impl Iterator<Item = &'c EventDefinition>, open: bool) -> RoomEvents<'c> {
        let mut known: Vec<_> = listed.collect();
        if open {
            let names: Vec<_> = known.iter().map(|event| event.name().clone()).collect();
            known.extend(self.known.values().filter(|event| !names.contains(event.name())));
        }
        RoomEvents { known, open }
    }
}

impl ContractRoom {
    /// All events that the room lists.
    pub(super) fn listed(&self) -> impl Iterator<Item = &EventDefinition> {
        self.events.iter().chain(&self.server_events)
    }

    /// The id as declared: `chat`, `project-{id}`.
    pub(super) fn pattern(&self) -> String {
        self.declaration.id.to_string()
    }

    /// The parts of the id.
    pub(super) fn segments(&self) -> Vec<Segment> {
        match self.declaration.id {
            IdPattern::Fixed(id) => vec![Segment::Literal(id)],
            IdPattern::Family { segments, .. } => segments.to_vec(),
        }
    }
}

/// Whether an event may be triggered without data. Missing data counts as `null`.
pub(super) fn needs_no_data(event: &EventDefinition) -> bool {
    validate_event_data(event, &Value::Null).is_ok()
}

fn define(
    room: &'static str,
    events: &'static [fn() -> DefinitionResult],
) -> Result<Vec<EventDefinition>, ContractError> {
    events
        .iter()
        .map(|define| {
            define()
                .cloned()
                .map_err(|source| ContractError::Event { room, source })
        })
        .collect()
}
