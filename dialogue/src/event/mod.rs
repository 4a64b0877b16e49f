//! Events: the typed things that happen in rooms.
//!
//! Owns the [`DialogueEvent`] trait, what describes an event at run time ([`EventDefinition`]), the envelope that
//! carries it ([`EventMessage`]), and its schema and validation. Knows no room, client or socket.

mod agreement;
#[cfg(test)]
mod conformance_tests;
mod definition;
mod enforce;
mod message;
mod names;
mod narrow;
mod pattern;
mod payload;
mod readings;
mod received;
mod sample;
mod schema;
mod tighten;
mod validate;
pub(crate) mod walk;

pub(crate) use definition::DefinitionResult;
pub use definition::{
    DefinitionError, EventDefinition, EventDefinitionBuilder, HistorySetting, event_by_name, is_event_allowed,
    validate_event_data,
};
pub(crate) use enforce::EventSchema;
pub use enforce::SchemaError;
pub use message::EventMessage;
pub use payload::{Outgoing, Payload};
pub use received::{DecodeError, Received};
pub use validate::Violation;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a type must be before it can be an event: `Serialize`, `Deserialize` and `JsonSchema`, all derived.
///
/// Implemented for every type that qualifies; there is nothing to write.
#[diagnostic::on_unimplemented(
    message = "`{Self}` lacks derives that an event needs",
    label = "not serialisable both ways with a JSON schema",
    note = "write `#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]` on `{Self}`, and see that its fields have the same"
)]
pub trait EventData<Why = ()>: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> EventData for T {}

/// For the sake of the error alone: this impl is for nobody, since nothing is `Never`. With one impl to choose from,
/// rustc looks into it and reports each derive that is missing by itself; with two it says that `EventData` is.
#[diagnostic::do_not_recommend]
#[doc(hidden)]
impl<T: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static, Why: Never> EventData<Why> for T {}

/// What nothing is.
pub trait Never {}

/// A typed thing that happens in a room. Derive it:
///
/// ```
/// use dialogue::prelude::*;
///
/// /// A chat line.
/// #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
/// #[event(name = "message", history = 50)]
/// struct Message {
///     #[schemars(length(min = 1, max = 1000))]
///     text: String,
/// }
///
/// assert_eq!(Message::NAME, "message");
/// assert_eq!(Message::definition().description(), Some("A chat line."));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "write `#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]` on `{Self}`"
)]
pub trait DialogueEvent: EventData {
    /// The event's name on the wire.
    const NAME: &'static str;

    /// The event's name, description, schemas and history setting, or why they cannot be had.
    ///
    /// Built at the first call and kept.
    ///
    /// # Errors
    ///
    /// A [`DefinitionError`] when the type's schema cannot be enforced, for example because it has a 128-bit integer
    /// or a `regex` that does not compile. `Dialogue::builder()…build()` reports the same.
    fn try_definition() -> Result<&'static EventDefinition, &'static DefinitionError>;

    /// The event's name, description, schemas and history setting.
    ///
    /// # Panics
    ///
    /// When [`try_definition`](Self::try_definition) is an error.
    #[must_use]
    #[track_caller]
    fn definition() -> &'static EventDefinition {
        match Self::try_definition() {
            Ok(definition) => definition,
            Err(error) => panic!("event `{}`: {error}", Self::NAME),
        }
    }

    /// This event as sent by `user` rather than by the server (`"system"`).
    fn sent_by(self, user: impl Into<crate::UserId>) -> Outgoing<Self> {
        Outgoing::new(self).sent_by(user)
    }

    /// This event with metadata that travels beside its data. It has no schema and is not validated.
    fn with_meta(self, meta: impl Into<serde_json::Value>) -> Outgoing<Self> {
        Outgoing::new(self).with_meta(meta)
    }
}
