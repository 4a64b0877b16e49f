//! Events: the typed things that happen in rooms.
//!
//! Owns the [`DialogueEvent`] trait, the description of an event at run time ([`EventDefinition`]) and the envelope
//! that carries an event ([`EventMessage`]). Knows no room, client or socket. Schemas belong to the module of schemas.

mod definition;
mod dialogue_event;
mod message;
mod outgoing;
mod payload;
mod received;

pub(crate) use definition::DefinitionResult;
pub use definition::{
    DefinitionError, EventDefinition, EventDefinitionBuilder, HistorySetting, event_by_name, is_event_allowed,
    validate_event_data,
};
pub use dialogue_event::DialogueEvent;
pub use message::EventMessage;
pub use outgoing::Outgoing;
pub use payload::Payload;
pub use received::{DecodeError, Received};
