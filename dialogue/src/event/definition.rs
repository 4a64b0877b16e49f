//! What describes an event at run time: its name, history setting, schemas and the validators made of them.

use std::any::TypeId;
use std::sync::Arc;

use serde_json::Value;

use crate::id::EventName;
use crate::schema::{EventData, EventSchema, SchemaError, Violation, decode, generate};

/// What `DialogueEvent::try_definition` returns.
pub(crate) type DefinitionResult = Result<&'static EventDefinition, &'static DefinitionError>;

/// Whether events of a type are kept, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HistorySetting {
    /// Events of this type are volatile: they carry no `seq` and are not kept.
    #[default]
    Off,
    /// As many are kept in each room as the history manager's `max_events_per_type` says (100 by default).
    ManagerLimit,
    /// This many are kept in each room.
    Limit(usize),
}

impl HistorySetting {
    /// How many events a room keeps, where `manager` is the history manager's own limit; `None` for none.
    pub(crate) fn limit(self, manager: usize) -> Option<usize> {
        match self {
            Self::Off => None,
            Self::ManagerLimit => Some(manager),
            Self::Limit(limit) => Some(limit),
        }
    }
}

/// An event described at run time: what the derive makes of a type, or [`EventDefinition::new`] of a name and a schema.
///
/// A cheap clone of shared data.
#[derive(Clone)]
pub struct EventDefinition {
    inner: Arc<Inner>,
}

struct Inner {
    name: EventName,
    description: Option<String>,
    history: HistorySetting,
    schemas: Option<Schemas>,
    typed: Option<TypedEvent>,
}

/// The schema clients are held to and the one that describes what they receive; one and the same for most types.
struct Schemas {
    inbound: Arc<EventSchema>,
    outbound: Arc<EventSchema>,
}

/// The Rust type behind a definition: how its data takes the shape that the type serialises.
#[derive(Clone, Copy)]
pub(crate) struct TypedEvent {
    type_id: TypeId,
    reshape: fn(Value) -> Result<Value, Vec<Violation>>,
}

impl TypedEvent {
    fn of<E: EventData>() -> Self {
        Self {
            type_id: TypeId::of::<E>(),
            reshape: |data| decode::reshape::<E>(data).map_err(|violation| vec![violation]),
        }
    }
}

impl EventDefinition {
    /// Starts the definition of an event that has no Rust type: a name and, if wanted, a JSON Schema.
    ///
    /// ```
    /// use dialogue::EventDefinition;
    /// use serde_json::json;
    ///
    /// let ordered = EventDefinition::new("order:placed")
    ///     .schema(json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } }))
    ///     .build()?;
    /// assert!(dialogue::validate_event_data(&ordered, &json!({ "id": 7 })).is_ok());
    /// assert!(dialogue::validate_event_data(&ordered, &json!({})).is_err());
    /// # Ok::<(), dialogue::DefinitionError>(())
    /// ```
    #[allow(clippy::new_ret_no_self, reason = "the builder is the point")]
    pub fn new(name: impl Into<String>) -> EventDefinitionBuilder {
        EventDefinitionBuilder {
            name: name.into(),
            description: None,
            history: HistorySetting::Off,
            schema: None,
        }
    }

    /// What the derive builds of a type.
    pub(crate) fn typed<E: EventData>(
        name: &str,
        description: Option<&str>,
        history: HistorySetting,
    ) -> Result<Self, DefinitionError> {
        let inbound = generate::inbound::<E>()?;
        let outbound = generate::outbound::<E>()?;
        let same = inbound == outbound;
        let inbound = Arc::new(EventSchema::compile(inbound)?);
        let outbound = if same {
            Arc::clone(&inbound)
        } else {
            Arc::new(EventSchema::compile(outbound)?)
        };
        Ok(Self {
            inner: Arc::new(Inner {
                name: EventName::from(name),
                description: description.map(str::to_owned),
                history,
                schemas: Some(Schemas { inbound, outbound }),
                typed: Some(TypedEvent::of::<E>()),
            }),
        })
    }

    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &EventName {
        &self.inner.name
    }

    /// What the event means, for people.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.inner.description.as_deref()
    }

    /// Whether and how many of these events a room keeps.
    #[must_use]
    pub fn history(&self) -> HistorySetting {
        self.inner.history
    }

    /// The JSON Schema (draft 2020-12) that data from clients is held to; `None` if any data will do.
    ///
    /// What is published is what is enforced: for a type whose serde and schemars impls are derived, data is accepted
    /// exactly when this schema, with its formats asserted, accepts it. It has the limits of every integer type and of
    /// `f32`, the integers, variants or other texts that a map's keys may be, and is closed where serde reads an object
    /// strictly; `#[serde(alias)]` names are not part of it and not accepted from clients. A whole float (`3.0`) is an
    /// integer. A type that turns out to refuse what its schema accepts cannot be defined
    /// ([`SchemaError::Disagreement`]).
    ///
    /// Two things are not always found out then, and data is refused with a violation of `type` instead: what a
    /// `Deserialize` written by hand or a `try_from` asks of a value beyond its form, and an alias in a struct that is
    /// flattened, or in an untagged or internally tagged enum. And an untagged enum that holds itself in several variants
    /// which begin alike takes serde twice as long with each level of nesting: past 100,000 readings, data is refused with
    /// a violation of `anyOf`.
    #[must_use]
    pub fn inbound_schema(&self) -> Option<&Value> {
        self.inner.schemas.as_ref().map(|schemas| schemas.inbound.published())
    }

    /// The JSON Schema (draft 2020-12) of the data that clients receive; `None` if it can be any.
    ///
    /// The same as [`inbound_schema`](Self::inbound_schema) unless the type is written otherwise than it is read, as
    /// with an `Option`, which is always written and may be left out. Data that does not satisfy it, such as a float
    /// that is not a number, is not sent.
    #[must_use]
    pub fn outbound_schema(&self) -> Option<&Value> {
        self.inner.schemas.as_ref().map(|schemas| schemas.outbound.published())
    }

    /// Data from a client in the shape that goes on to others: valid by the inbound schema, then what the type
    /// serialises, so that a field which the type does not declare stays behind.
    pub(crate) fn accept(&self, data: Value) -> Result<Value, Vec<Violation>> {
        if let Some(schemas) = &self.inner.schemas {
            schemas.inbound.check(&data)?;
        }
        let Some(typed) = &self.inner.typed else {
            return Ok(data);
        };
        if let Some(schemas) = &self.inner.schemas {
            schemas.inbound.check_decode_cost(&data)?;
        }
        (typed.reshape)(data)
    }

    /// Checks data that is already in the shape that clients receive.
    pub(crate) fn check_outbound(&self, data: &Value) -> Result<(), Vec<Violation>> {
        match &self.inner.schemas {
            Some(schemas) => schemas.outbound.check(data),
            None => Ok(()),
        }
    }

    /// Outbound data that a hook has changed, checked again and, where the type reads its own output, in its shape.
    pub(crate) fn accept_changed(&self, data: Value) -> Result<Value, Vec<Violation>> {
        self.check_outbound(&data)?;
        match (&self.inner.typed, &self.inner.schemas) {
            (Some(typed), Some(schemas)) if Arc::ptr_eq(&schemas.inbound, &schemas.outbound) => {
                schemas.inbound.check_decode_cost(&data)?;
                (typed.reshape)(data)
            }
            _ => Ok(data),
        }
    }

    /// Whether both describe the same event: one type, or one run-time definition or equal ones.
    pub(crate) fn is_same_event(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.inner, &other.inner) {
            return true;
        }
        match (&self.inner.typed, &other.inner.typed) {
            (Some(mine), Some(theirs)) => mine.type_id == theirs.type_id,
            (None, None) => {
                self.name() == other.name()
                    && self.history() == other.history()
                    && self.inbound_schema() == other.inbound_schema()
            }
            _ => false,
        }
    }

    /// Whether this is the definition of the Rust type `E`.
    pub(crate) fn is_of<E: 'static>(&self) -> bool {
        self.inner.typed.is_some_and(|typed| typed.type_id == TypeId::of::<E>())
    }
}

impl std::fmt::Debug for EventDefinition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventDefinition")
            .field("name", &self.inner.name)
            .field("history", &self.inner.history)
            .finish_non_exhaustive()
    }
}

/// Builds an [`EventDefinition`] at run time.
#[derive(Debug, Clone)]
#[must_use = "call `build`"]
pub struct EventDefinitionBuilder {
    name: String,
    description: Option<String>,
    history: HistorySetting,
    schema: Option<Value>,
}

impl EventDefinitionBuilder {
    /// The JSON Schema (draft 2020-12) that the event's data must satisfy. Without one, any data passes.
    ///
    /// References are resolved within the schema only; nothing is fetched. Formats that the validator knows (`email`,
    /// `uri`, `uuid`, `date-time` and the others of the draft, not the internationalised ones) are asserted; patterns are
    /// matched in linear time and may have no lookaround and no backreferences.
    pub fn schema(mut self, schema: Value) -> Self {
        self.schema = Some(schema);
        self
    }

    /// What the event means, for people.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Whether and how many of these events a room keeps. Default: none.
    pub fn history(mut self, history: HistorySetting) -> Self {
        self.history = history;
        self
    }

    /// Finishes the definition.
    ///
    /// # Errors
    ///
    /// [`DefinitionError`] when the name is not an event name, the history limit is 0, or the schema cannot be
    /// compiled.
    pub fn build(self) -> Result<EventDefinition, DefinitionError> {
        if !EventName::is_valid(&self.name) {
            return Err(DefinitionError::Name { name: self.name });
        }
        if self.history == HistorySetting::Limit(0) {
            return Err(DefinitionError::ZeroHistory);
        }
        let schemas = match self.schema {
            Some(schema) => {
                let schema = Arc::new(EventSchema::compile(schema)?);
                Some(Schemas {
                    inbound: Arc::clone(&schema),
                    outbound: schema,
                })
            }
            None => None,
        };
        Ok(EventDefinition {
            inner: Arc::new(Inner {
                name: self.name.into(),
                description: self.description,
                history: self.history,
                schemas,
                typed: None,
            }),
        })
    }
}

/// Why an event cannot be defined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// The name is not one that an event may have.
    #[error("`{name}` is no event name: use 1 to 64 characters of [A-Za-z0-9_.:-], not starting with `dialogue:`")]
    Name {
        /// The name as given.
        name: String,
    },
    /// The history limit is zero.
    #[error("a history of 0 events: leave history off instead")]
    ZeroHistory,
    /// The schema cannot be enforced.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// Checks data against an event's inbound schema, as the server does with what a client sends, and returns it in the
/// shape that goes on to others.
///
/// # Errors
///
/// Every [`Violation`] found.
pub fn validate_event_data(event: &EventDefinition, data: &Value) -> Result<Value, Vec<Violation>> {
    event.accept(data.clone())
}

/// Whether `name` is allowed by a room's list of events. An empty list allows every name.
#[must_use]
pub fn is_event_allowed(name: &str, events: &[EventDefinition]) -> bool {
    events.is_empty() || event_by_name(name, events).is_some()
}

/// The definition called `name` in a list of events.
#[must_use]
pub fn event_by_name<'a>(name: &str, events: &'a [EventDefinition]) -> Option<&'a EventDefinition> {
    events.iter().find(|event| *event.name() == name)
}
