//! The trait of event types.

use super::definition::{DefinitionError, EventDefinition};
use super::outgoing::Outgoing;
use crate::chain::Chain;
use crate::id::UserId;
use crate::schema::EventData;

/// A type of event that happens in a room. Derive it:
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

    /// The event's name, description, schemas and history setting, or the reason why the event cannot be defined.
    ///
    /// The definition is built at the first call and then cached.
    ///
    /// # Errors
    ///
    /// Returns a [`DefinitionError`] if the type's schema cannot be enforced, for example because it contains a
    /// 128-bit integer or a `regex` that JavaScript rejects. `Dialogue::builder()…build()` reports the same error.
    fn try_definition() -> Result<&'static EventDefinition, &'static DefinitionError>;

    /// The event's name, description, schemas and history setting.
    ///
    /// # Panics
    ///
    /// Panics if [`try_definition`](Self::try_definition) returns an error.
    #[must_use]
    #[track_caller]
    fn definition() -> &'static EventDefinition {
        match Self::try_definition() {
            Ok(definition) => definition,
            Err(error) => panic!("{}", Chain(error)),
        }
    }

    /// Makes `user` the sender of this event, instead of the server (`"system"`).
    fn sent_by(self, user: impl Into<UserId>) -> Outgoing<Self> {
        Outgoing::new(self).sent_by(user)
    }

    /// Adds metadata to this event. Metadata travels next to the data, has no schema and is not validated.
    fn with_meta(self, meta: impl Into<serde_json::Value>) -> Outgoing<Self> {
        Outgoing::new(self).with_meta(meta)
    }
}
