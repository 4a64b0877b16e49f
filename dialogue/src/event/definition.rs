//! The description of an event at run time: its name, history setting, schemas, and the validators compiled from them.

use std::any::TypeId;
use std::sync::Arc;

use serde_json::Value;

use crate::id::EventName;
use crate::schema::{EventData, EventSchema, SchemaError, Violation, decode, generate};

/// The result of `DialogueEvent::try_definition`.
pub(crate) type DefinitionResult = Result<&'static EventDefinition, &'static DefinitionError>;

/// Whether a room keeps events of a type, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HistorySetting {
    /// Events of this type are volatile: rooms don't keep them, and they carry no `seq`.
    #[default]
    Off,
    /// Each room keeps as many as the history manager's `max_events_per_type` allows (100 by default).
    ManagerLimit,
    /// Each room keeps this many.
    Limit(usize),
}

impl HistorySetting {
    /// How many events a room keeps; `None` for none. `manager` is the history manager's own limit.
    #[cfg(feature = "runtime")]
    pub(crate) fn limit(self, manager: usize) -> Option<usize> {
        match self {
            Self::Off => None,
            Self::ManagerLimit => Some(manager),
            Self::Limit(limit) => Some(limit),
        }
    }
}

/// The description of an event at run time. The derive makes one from a type, and [`EventDefinition::new`] makes one
/// from a name and a schema.
///
/// Cloning is cheap: clones share their data.
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

/// The schema that data from clients must satisfy, and the schema of the data that clients receive. They are the same
/// for most types.
struct Schemas {
    inbound: Arc<EventSchema>,
    outbound: Arc<EventSchema>,
}

impl Schemas {
    fn of<E: EventData>() -> Result<Self, SchemaError> {
        let schemas = generate::schemas::<E>()?;
        let inbound = Arc::new(schemas.inbound);
        let outbound = schemas.outbound.map_or_else(|| Arc::clone(&inbound), Arc::new);
        Ok(Self { inbound, outbound })
    }

    /// The schema of an event without a Rust type, for both directions.
    fn single(schema: Value) -> Result<Self, SchemaError> {
        let schema = Arc::new(EventSchema::compile(schema)?);
        Ok(Self {
            inbound: Arc::clone(&schema),
            outbound: schema,
        })
    }
}

/// The Rust type of a definition, and the conversion of data into the form that the type serialises.
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
    /// Starts the definition of an event that has no Rust type. It has a name and, optionally, a JSON Schema.
    ///
    /// ```
    /// use dialogue::event::EventDefinition;
    /// use serde_json::json;
    ///
    /// let ordered = EventDefinition::new("order:placed")
    ///     .schema(json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } }))
    ///     .build()?;
    /// assert!(dialogue::event::validate_event_data(&ordered, &json!({ "id": 7 })).is_ok());
    /// assert!(dialogue::event::validate_event_data(&ordered, &json!({})).is_err());
    /// # Ok::<(), dialogue::event::DefinitionError>(())
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

    /// The definition that the derive builds from a type.
    pub(crate) fn typed<E: EventData>(
        name: &str,
        description: Option<&str>,
        history: HistorySetting,
    ) -> Result<Self, DefinitionError> {
        let name = EventName::from(name);
        match Schemas::of::<E>() {
            Ok(schemas) => Ok(Self {
                inner: Arc::new(Inner {
                    name,
                    description: description.map(str::to_owned),
                    history,
                    schemas: Some(schemas),
                    typed: Some(TypedEvent::of::<E>()),
                }),
            }),
            Err(source) => Err(DefinitionError::Schema { event: name, source }),
        }
    }

    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &EventName {
        &self.inner.name
    }

    /// The meaning of the event, as text for people.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.inner.description.as_deref()
    }

    /// Whether a room keeps these events, and how many.
    #[must_use]
    pub fn history(&self) -> HistorySetting {
        self.inner.history
    }

    /// The JSON Schema (draft 2020-12) that data from clients must satisfy; `None` if any data is allowed.
    ///
    /// The published schema is also the enforced one. If a type derives its serde and schemars impls, data is accepted
    /// exactly if this schema accepts it, with formats asserted. The schema contains the limits of every integer type
    /// and of `f32`. It lists the integers, variants or other texts that the keys of a map may be. Where serde reads
    /// an object strictly, the schema is closed. Names from `#[serde(alias)]` are not part of it, and clients cannot
    /// use them. A whole float (`3.0`) is an integer. If the type refuses data that its schema accepts, it cannot be
    /// defined ([`SchemaError::RefusedByType`]).
    ///
    /// Two such disagreements are not always detected when the event is defined. Data that shows one is refused with a
    /// violation of `type`. The first is a demand of a hand-written `Deserialize` or a `try_from` on a value beyond
    /// its form. The second is an alias in a struct that is flattened, or that is part of an untagged or internally
    /// tagged enum.
    ///
    /// An untagged enum can contain itself in several variants that begin alike. Serde then takes twice as long for
    /// each further level of nesting. Data that would need more than 100,000 reads is refused with a violation of
    /// `anyOf`.
    #[must_use]
    pub fn inbound_schema(&self) -> Option<&Value> {
        self.inner.schemas.as_ref().map(|schemas| schemas.inbound.published())
    }

    /// The JSON Schema (draft 2020-12) of the data that clients receive; `None` if it can be any data.
    ///
    /// It equals [`inbound_schema`](Self::inbound_schema) unless the type is written in another form than it is read.
    /// An `Option`, for example, is always written, but may be absent when it is read. Data that does not satisfy the
    /// schema, such as a float that is not a number, is not sent.
    #[must_use]
    pub fn outbound_schema(&self) -> Option<&Value> {
        self.inner.schemas.as_ref().map(|schemas| schemas.outbound.published())
    }

    /// Data that clients may send, as an example. `None` if none is found.
    pub(crate) fn inbound_example(&self) -> Option<Value> {
        self.example(|schemas| &schemas.inbound)
    }

    /// Data that clients may receive, as an example. `None` if none is found.
    pub(crate) fn outbound_example(&self) -> Option<Value> {
        self.example(|schemas| &schemas.outbound)
    }

    fn example(&self, of: impl Fn(&Schemas) -> &Arc<EventSchema>) -> Option<Value> {
        match &self.inner.schemas {
            Some(schemas) => of(schemas).example(),
            None => Some(serde_json::json!({ "any": "data" })),
        }
    }

    /// Converts data from a client into the form that other clients receive. The data must satisfy the inbound schema.
    /// The result is the form that the type serialises, so it contains no field that the type does not declare.
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

    /// Checks data that already has the form that clients receive.
    #[cfg(feature = "runtime")]
    pub(crate) fn check_outbound(&self, data: &Value) -> Result<(), Vec<Violation>> {
        match &self.inner.schemas {
            Some(schemas) => schemas.outbound.check(data),
            None => Ok(()),
        }
    }

    /// Checks outbound data that a hook has changed. If the type can read its own output, the data is also converted
    /// into the type's form.
    #[cfg(feature = "runtime")]
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

    /// A number that clones of one definition share, and no other definition has while one of them lives.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.inner).addr()
    }

    /// Whether both describe the same event: the same type, the same run-time definition, or two equal run-time
    /// definitions.
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

    /// Whether this describes the same event as the definition of a type, but has no type itself.
    #[cfg(feature = "runtime")]
    pub(crate) fn is_like(&self, typed: &Self) -> bool {
        self.inner.typed.is_none() && self.name() == typed.name() && self.inbound_schema() == typed.inbound_schema()
    }

    /// Whether this is the definition of the Rust type `E`.
    #[cfg(feature = "runtime")]
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
    /// Sets the JSON Schema (draft 2020-12) that the event's data must satisfy. Without a schema, any data is valid.
    ///
    /// References are resolved only within the schema; nothing is fetched. The formats that the validator knows are
    /// asserted: `email`, `uri`, `uuid`, `date-time` and the others of the draft, but not the internationalised ones.
    ///
    /// A pattern means what `new RegExp(pattern, "u").test(text)` means in JavaScript. What JavaScript rejects, such as
    /// `(?i)`, `\A` or `\pL`, is an error. Patterns are matched in linear time, so they cannot contain lookaround or
    /// backreferences.
    pub fn schema(mut self, schema: Value) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Sets the meaning of the event, as text for people.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets whether a room keeps these events, and how many. Default: none.
    pub fn history(mut self, history: HistorySetting) -> Self {
        self.history = history;
        self
    }

    /// Finishes the definition.
    ///
    /// # Errors
    ///
    /// Returns a [`DefinitionError`] if the name isn't a valid event name, the history limit is 0, or the schema does
    /// not compile.
    pub fn build(self) -> Result<EventDefinition, DefinitionError> {
        if !EventName::is_valid(&self.name) {
            return Err(DefinitionError::Name { name: self.name });
        }
        if self.history == HistorySetting::Limit(0) {
            return Err(DefinitionError::ZeroHistory);
        }
        let name = EventName::from(self.name);
        let schemas = match self.schema.map(Schemas::single).transpose() {
            Ok(schemas) => schemas,
            Err(source) => return Err(DefinitionError::Schema { event: name, source }),
        };
        Ok(EventDefinition {
            inner: Arc::new(Inner {
                name,
                description: self.description,
                history: self.history,
                schemas,
                typed: None,
            }),
        })
    }
}

/// The reason why an event cannot be defined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// The name isn't a valid event name.
    #[error(
        "`{name}` is not a valid event name: use 1 to 64 characters of [A-Za-z0-9_.:-], not starting with `dialogue:`"
    )]
    Name {
        /// The name as given.
        name: String,
    },
    /// The history limit is zero.
    #[error("a history of 0 events keeps nothing: leave history off, or set how many events to keep")]
    ZeroHistory,
    /// The schema cannot be enforced.
    #[error("the schema of event `{event}` cannot be enforced")]
    Schema {
        /// The event's name.
        event: EventName,
        /// The reason.
        source: SchemaError,
    },
}

/// Checks data against an event's inbound schema, as the server does with data from a client. Returns the data in the
/// form that other clients receive.
///
/// # Errors
///
/// Returns all [`Violation`]s that were found.
pub fn validate_event_data(event: &EventDefinition, data: &Value) -> Result<Value, Vec<Violation>> {
    event.accept(data.clone())
}

/// Whether a room's list of events allows `name`. An empty list allows every name.
#[must_use]
pub fn is_event_allowed(name: &str, events: &[EventDefinition]) -> bool {
    events.is_empty() || event_by_name(name, events).is_some()
}

/// Finds the definition named `name` in a list of events.
#[must_use]
pub fn event_by_name<'a>(name: &str, events: &'a [EventDefinition]) -> Option<&'a EventDefinition> {
    events.iter().find(|event| *event.name() == name)
}
