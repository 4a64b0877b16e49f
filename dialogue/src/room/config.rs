//! The configuration of a room: [`RoomConfig`] at run time, or a declaration at build time. Both become one template.

use std::sync::Arc;

use super::declaration::FamilyOptions;
use super::policy::{EventPolicy, KnownEvents};
use super::typed::Room;
use super::{RoomDeclaration, Subscriptions, SyncHistory};
use crate::event::{DefinitionError, DialogueEvent, EventDefinition};
use crate::id::{EventName, RoomId};

/// Describes a room to create at run time. Its events can be unknown at compile time.
///
/// ```
/// use dialogue::prelude::*;
/// use dialogue::RoomConfig;
///
/// # #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
/// # struct Message { text: String }
/// let config = RoomConfig::new("lounge")
///     .name("The lounge")
///     .event::<Message>()
///     .subscribe_to::<Message>()
///     .max_size(20);
/// ```
///
/// A room without events is read-only: clients can trigger nothing, and the server can trigger any event.
#[derive(Debug, Clone)]
#[must_use = "give it to `create_room`"]
pub struct RoomConfig {
    pub(crate) id: RoomId,
    name: Option<String>,
    description: Option<String>,
    open: bool,
    events: Vec<EventDefinition>,
    server_events: Vec<EventDefinition>,
    subscribe_to: Vec<EventName>,
    subscribe_to_all: bool,
    max_size: Option<usize>,
    sync_history_on_join: SyncHistory,
    event_error: Option<&'static DefinitionError>,
}

impl RoomConfig {
    /// Creates the configuration of a room with this id. The name defaults to the id.
    pub fn new(id: impl Into<RoomId>) -> Self {
        Self {
            id: id.into(),
            name: None,
            description: None,
            open: false,
            events: Vec::new(),
            server_events: Vec::new(),
            subscribe_to: Vec::new(),
            subscribe_to_all: false,
            max_size: None,
            sync_history_on_join: SyncHistory::Off,
            event_error: None,
        }
    }

    /// Sets the name that people see.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the description of the room.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Lets the server and the clients in the room trigger `E`.
    pub fn event<E: DialogueEvent>(self) -> Self {
        self.typed(E::try_definition(), true)
    }

    /// Lets only the server trigger `E`.
    pub fn server_event<E: DialogueEvent>(self) -> Self {
        self.typed(E::try_definition(), false)
    }

    /// Lets the server and the clients in the room trigger these events.
    pub fn events(mut self, events: impl IntoIterator<Item = EventDefinition>) -> Self {
        self.events.extend(events);
        self
    }

    /// Lets only the server trigger these events.
    pub fn server_events(mut self, events: impl IntoIterator<Item = EventDefinition>) -> Self {
        self.server_events.extend(events);
        self
    }

    /// Allows any event. The server validates the events whose names it knows.
    pub fn any_event(mut self) -> Self {
        self.open = true;
        self
    }

    /// Subscribes clients to `E` by default, when they join without naming events.
    pub fn subscribe_to<E: DialogueEvent>(self) -> Self {
        self.default_subscriptions([E::NAME])
    }

    /// Subscribes clients to the events with these names by default, when they join without naming events. Default:
    /// none.
    pub fn default_subscriptions<N: Into<EventName>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.subscribe_to.extend(names.into_iter().map(Into::into));
        self
    }

    /// Subscribes clients to every event by default, when they join without naming events.
    pub fn subscribe_to_all(mut self) -> Self {
        self.subscribe_to_all = true;
        self
    }

    /// Limits how many clients can be in the room at once. Must be at least 1. Default: no limit.
    pub fn max_size(mut self, max_size: usize) -> Self {
        self.max_size = Some(max_size);
        self
    }

    /// Sets how much of the history a client receives when it joins. Default: none.
    pub fn sync_history_on_join(mut self, sync: SyncHistory) -> Self {
        self.sync_history_on_join = sync;
        self
    }

    fn typed(mut self, definition: Result<&'static EventDefinition, &'static DefinitionError>, clients: bool) -> Self {
        match definition {
            Ok(definition) if clients => self.events.push(definition.clone()),
            Ok(definition) => self.server_events.push(definition.clone()),
            Err(error) => self.event_error = Some(error),
        }
        self
    }

    /// Everything but the id.
    pub(super) fn parts(&self) -> RoomConfigParts<'_> {
        RoomConfigParts {
            name: &self.name,
            description: &self.description,
            open: self.open,
            events: &self.events,
            server_events: &self.server_events,
            subscribe_to: &self.subscribe_to,
            subscribe_to_all: self.subscribe_to_all,
            max_size: self.max_size,
            sync_history_on_join: self.sync_history_on_join,
        }
    }

    /// The configuration with these parts.
    pub(super) fn of_parts(id: RoomId, parts: RoomConfigParts<'_>) -> Self {
        Self {
            name: parts.name.clone(),
            description: parts.description.clone(),
            open: parts.open,
            events: parts.events.to_vec(),
            server_events: parts.server_events.to_vec(),
            subscribe_to: parts.subscribe_to.to_vec(),
            subscribe_to_all: parts.subscribe_to_all,
            max_size: parts.max_size,
            sync_history_on_join: parts.sync_history_on_join,
            ..Self::new(id)
        }
    }

    /// Checks the configuration and creates the template.
    pub(crate) fn template(self, known: Arc<KnownEvents>) -> Result<RoomTemplate, RoomConfigError> {
        if let Some(error) = self.event_error {
            return Err(RoomConfigError::Event(error));
        }
        if self.max_size == Some(0) {
            return Err(RoomConfigError::NoSeats);
        }
        let mut names = std::collections::HashSet::new();
        for event in self.events.iter().chain(&self.server_events) {
            if !names.insert(event.name().clone()) {
                let event = event.name().clone();
                return Err(RoomConfigError::DuplicateEvent { event });
            }
        }
        let policy = if self.open {
            EventPolicy::open_with(self.events, self.server_events, known)
        } else {
            EventPolicy::listed(self.events, self.server_events, known)
        };
        if let Some(event) = self.subscribe_to.iter().find(|name| !policy.knows(name)) {
            let event = event.clone();
            return Err(RoomConfigError::UnknownSubscription { event });
        }
        Ok(RoomTemplate {
            declaration: None,
            name: self.name.unwrap_or_else(|| self.id.to_string()),
            description: self.description,
            policy: Arc::new(policy),
            default_subscriptions: if self.subscribe_to_all {
                Subscriptions::all()
            } else {
                Subscriptions::Named(self.subscribe_to.into_iter().collect())
            },
            max_size: self.max_size,
            sync_history_on_join: self.sync_history_on_join,
            family: FamilyOptions::default(),
        })
    }
}

/// The parts of a [`RoomConfig`], to write it down.
pub(super) struct RoomConfigParts<'a> {
    pub(super) name: &'a Option<String>,
    pub(super) description: &'a Option<String>,
    pub(super) open: bool,
    pub(super) events: &'a [EventDefinition],
    pub(super) server_events: &'a [EventDefinition],
    pub(super) subscribe_to: &'a [EventName],
    pub(super) subscribe_to_all: bool,
    pub(super) max_size: Option<usize>,
    pub(super) sync_history_on_join: SyncHistory,
}

/// A mistake in a [`RoomConfig`].
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RoomConfigError {
    /// An event of the room cannot be defined.
    #[error(transparent)]
    Event(&'static DefinitionError),
    /// The room has a maximum size of 0.
    #[error("`max_size` is 0: it must be at least 1")]
    NoSeats,
    /// The room lists an event twice, or two events with the same name.
    #[error("event `{event}` is listed twice: remove one of the two")]
    DuplicateEvent {
        /// The event's name.
        event: EventName,
    },
    /// The room does not allow an event to which clients subscribe by default.
    #[error(
        "the room does not allow its default subscription `{event}`: add the event to the room, or remove the \
         subscription"
    )]
    UnknownSubscription {
        /// The event's name.
        event: EventName,
    },
}

/// Compares the data. Two definitions are equal only if they are the same value, because errors cannot be compared.
impl PartialEq for RoomConfigError {
    fn eq(&self, other: &Self) -> bool {
        match self {
            Self::Event(error) => matches!(other, Self::Event(other) if std::ptr::eq(*error, *other)),
            Self::NoSeats => matches!(other, Self::NoSeats),
            Self::DuplicateEvent { event } => matches!(other, Self::DuplicateEvent { event: other } if event == other),
            Self::UnknownSubscription { event } => {
                matches!(other, Self::UnknownSubscription { event: other } if event == other)
            }
        }
    }
}

impl Eq for RoomConfigError {}

/// An argument of `create_room`: a [`RoomConfig`], or a value of a room type.
pub trait RoomBlueprint: Send {
    /// Returns the plan of the room.
    #[doc(hidden)]
    fn into_plan(self) -> RoomPlan;
}

/// The plan of a room to create.
#[doc(hidden)]
#[derive(Debug)]
pub enum RoomPlan {
    /// A room with this configuration.
    Configured(Box<RoomConfig>),
    /// A declared room, or a room of a declared family, with this id.
    Declared(RoomId),
}

impl RoomBlueprint for RoomConfig {
    fn into_plan(self) -> RoomPlan {
        RoomPlan::Configured(Box::new(self))
    }
}

impl<R: Room> RoomBlueprint for R {
    fn into_plan(self) -> RoomPlan {
        RoomPlan::Declared(self.room_id())
    }
}

/// The part of a room's configuration that all rooms of one declaration share.
#[derive(Debug, Clone)]
pub(crate) struct RoomTemplate {
    /// The declaration in `rooms!`, if there is one.
    pub(crate) declaration: Option<&'static RoomDeclaration>,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) policy: Arc<EventPolicy>,
    pub(crate) default_subscriptions: Subscriptions,
    pub(crate) max_size: Option<usize>,
    pub(crate) sync_history_on_join: SyncHistory,
    pub(crate) family: FamilyOptions,
}
