//! What a room is made from: [`RoomConfig`] at run time, a declaration at build time, one template behind both.

use std::sync::Arc;

use super::policy::{EventPolicy, KnownEvents};
use super::{FamilyOptions, Room, RoomDeclaration, Subscriptions, SyncHistory};
use crate::event::{DefinitionError, DialogueEvent, EventDefinition};
use crate::id::{EventName, RoomId};

/// A room to be made at run time, of events that need not be known when the program is compiled.
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
/// A room without events is read-only: clients can trigger nothing, the server anything.
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
    fault: Option<String>,
}

impl RoomConfig {
    /// Starts the description of a room with this id. The name defaults to the id.
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
            fault: None,
        }
    }

    /// The name for people.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What the room is for.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Lets the server and the clients in the room trigger `E`.
    pub fn event<E: DialogueEvent>(self) -> Self {
        self.typed(E::try_definition(), true)
    }

    /// Lets the server alone trigger `E`.
    pub fn server_event<E: DialogueEvent>(self) -> Self {
        self.typed(E::try_definition(), false)
    }

    /// Lets the server and the clients in the room trigger these events.
    pub fn events(mut self, events: impl IntoIterator<Item = EventDefinition>) -> Self {
        self.events.extend(events);
        self
    }

    /// Lets the server alone trigger these events.
    pub fn server_events(mut self, events: impl IntoIterator<Item = EventDefinition>) -> Self {
        self.server_events.extend(events);
        self
    }

    /// Allows every event. Those that the server knows by name are validated.
    pub fn any_event(mut self) -> Self {
        self.open = true;
        self
    }

    /// Subscribes a client that joins without naming events to `E`.
    pub fn subscribe_to<E: DialogueEvent>(self) -> Self {
        self.default_subscriptions([E::NAME])
    }

    /// Subscribes a client that joins without naming events to the events of these names. Default: none.
    pub fn default_subscriptions<N: Into<EventName>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.subscribe_to.extend(names.into_iter().map(Into::into));
        self
    }

    /// Subscribes a client that joins without naming events to everything.
    pub fn subscribe_to_all(mut self) -> Self {
        self.subscribe_to_all = true;
        self
    }

    /// The most clients that may be in the room at once, at least 1. Default: no bound.
    pub fn max_size(mut self, max_size: usize) -> Self {
        self.max_size = Some(max_size);
        self
    }

    /// What of the history a joining client is sent. Default: nothing.
    pub fn sync_history_on_join(mut self, sync: SyncHistory) -> Self {
        self.sync_history_on_join = sync;
        self
    }

    fn typed(mut self, definition: Result<&'static EventDefinition, &'static DefinitionError>, clients: bool) -> Self {
        match definition {
            Ok(definition) if clients => self.events.push(definition.clone()),
            Ok(definition) => self.server_events.push(definition.clone()),
            Err(error) => self.fault = Some(error.to_string()),
        }
        self
    }

    /// Checks it and makes the template; an error says what is wrong.
    pub(crate) fn template(self, known: Arc<KnownEvents>) -> Result<RoomTemplate, String> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.max_size == Some(0) {
            return Err("a room that holds nobody: `max_size` must be at least 1".to_owned());
        }
        let mut names = std::collections::HashSet::new();
        for event in self.events.iter().chain(&self.server_events) {
            if !names.insert(event.name().clone()) {
                return Err(format!("event `{}` is listed twice", event.name()));
            }
        }
        let policy = if self.open {
            EventPolicy::open_with(self.events, self.server_events, known)
        } else {
            EventPolicy::listed(self.events, self.server_events, known)
        };
        if let Some(name) = self.subscribe_to.iter().find(|name| !policy.knows(name)) {
            return Err(format!(
                "default subscription to `{name}`, which the room does not have"
            ));
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

/// What `create_room` makes a room from: a [`RoomConfig`], or a room type's value.
pub trait RoomBlueprint: Send {
    /// What is to be made.
    #[doc(hidden)]
    fn into_plan(self) -> RoomPlan;
}

/// A room to be made.
#[doc(hidden)]
#[derive(Debug)]
pub enum RoomPlan {
    /// As configured.
    Configured(Box<RoomConfig>),
    /// As declared, with this id.
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

/// What rooms of a kind have in common.
#[derive(Debug, Clone)]
pub(crate) struct RoomTemplate {
    /// What `rooms!` says, if it is declared there.
    pub(crate) declaration: Option<&'static RoomDeclaration>,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) policy: Arc<EventPolicy>,
    pub(crate) default_subscriptions: Subscriptions,
    pub(crate) max_size: Option<usize>,
    pub(crate) sync_history_on_join: SyncHistory,
    pub(crate) family: FamilyOptions,
}
