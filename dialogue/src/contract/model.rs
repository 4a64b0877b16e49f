//! The contract as data: every declared room with the definitions of its events.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::event::{DefinitionError, DefinitionResult, EventDefinition, validate_event_data};
use crate::id::EventName;
use crate::room::{DeclaredEvents, IdPattern, RoomDeclaration, Segment};

/// Why a contract cannot be told.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// An event of a room cannot be defined. A server with this room cannot be built either.
    #[error("room `{room}`: {error}")]
    Event {
        /// The room's type.
        room: &'static str,
        /// Why.
        #[source]
        error: &'static DefinitionError,
    },
}

/// What the rooms of a server, or of one room set, let clients say and hear.
#[derive(Debug)]
pub(crate) struct Contract {
    pub(super) rooms: Vec<ContractRoom>,
    /// Every event that has one meaning under its name: what rooms that allow any event know.
    known: BTreeMap<EventName, EventDefinition>,
}

/// A declared room or family.
#[derive(Debug)]
pub(super) struct ContractRoom {
    pub(super) declaration: &'static RoomDeclaration,
    /// What `events` lists.
    pub(super) events: Vec<EventDefinition>,
    /// What `server_events` lists.
    pub(super) server_events: Vec<EventDefinition>,
}

/// The events that somebody may say or hear in a room.
#[derive(Debug)]
pub(super) struct RoomEvents<'c> {
    /// Those that are known by name.
    pub(super) known: Vec<&'c EventDefinition>,
    /// Whether any other is possible.
    pub(super) open: bool,
}

impl Contract {
    /// Describes these rooms. `others` are events that the server knows besides.
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

    /// The events that rooms for any event know by name; none where there is no such room.
    pub(super) fn known_in_open_rooms(&self) -> impl Iterator<Item = &EventDefinition> {
        let any_is_open = self
            .rooms
            .iter()
            .any(|room| self.triggers(room).open || self.received(room).open);
        self.known.values().filter(move |_| any_is_open)
    }

    /// What clients may trigger in a room.
    pub(super) fn triggers<'c>(&'c self, room: &'c ContractRoom) -> RoomEvents<'c> {
        let open = matches!(room.declaration.events, DeclaredEvents::Any);
        self.room_events(room.events.iter(), open)
    }

    /// What clients may hear in a room.
    pub(super) fn received<'c>(&'c self, room: &'c ContractRoom) -> RoomEvents<'c> {
        // Nothing listed means that the server may trigger anything.
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
    /// Every event that the room names.
    pub(super) fn listed(&self) -> impl Iterator<Item = &EventDefinition> {
        self.events.iter().chain(&self.server_events)
    }

    /// The id as it is declared: `chat`, `project-{id}`.
    pub(super) fn pattern(&self) -> String {
        self.declaration.id.to_string()
    }

    /// The id's parts.
    pub(super) fn segments(&self) -> Vec<Segment> {
        match self.declaration.id {
            IdPattern::Fixed(id) => vec![Segment::Literal(id)],
            IdPattern::Family { segments, .. } => segments.to_vec(),
        }
    }
}

/// Whether an event may be triggered without data, which is as good as `null`.
pub(super) fn needs_no_data(event: &EventDefinition) -> bool {
    validate_event_data(event, &Value::Null).is_ok()
}

fn define(
    room: &'static str,
    events: &'static [fn() -> DefinitionResult],
) -> Result<Vec<EventDefinition>, ContractError> {
    events
        .iter()
        .map(|define| define().cloned().map_err(|error| ContractError::Event { room, error }))
        .collect()
}
