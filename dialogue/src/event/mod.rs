//! Events at run time: their definitions, what a trigger accepts, and what a handler receives.
//!
//! Most programs only need the derive [`DialogueEvent`] and [`EventMessage`]. A program defines an event without a Rust
//! type like this:
//!
//! ```
//! use dialogue::event::{EventDefinition, validate_event_data};
//! use serde_json::json;
//!
//! let ordered = EventDefinition::new("ordered")
//!     .schema(json!({ "type": "object", "required": ["id"] }))
//!     .build()?;
//! assert!(validate_event_data(&ordered, &json!({ "id": 7 })).is_ok());
//! # Ok::<(), dialogue::event::DefinitionError>(())
//! ```

// Owns the trait `DialogueEvent`, the definition of an event at run time, and the envelope that carries an event. Knows
// no room, client or socket. Schemas belong to `schema`.

mod definition;
pub(crate) mod dialogue_event;
pub(crate) mod message;
mod outgoing;
mod payload;
mod received;
mod unreadable;

pub(crate) use definition::DefinitionResult;
pub use definition::{
    DefinitionError, EventDefinition, EventDefinitionBuilder, HistorySetting, event_by_name, is_event_allowed,
    validate_event_data,
};
pub use outgoing::Outgoing;
pub use payload::Payload;
pub use received::{DecodeError, Received};
pub use unreadable::Unreadable;
#[cfg(any(feature = "client", feature = "runtime"))]
pub(crate) use unreadable::read;

pub use crate::schema::{EventData, SchemaError};

#[cfg(any(feature = "client", feature = "runtime"))]
pub(crate) use {dialogue_event::DialogueEvent, message::EventMessage};
