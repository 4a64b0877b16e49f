//! The argument of `trigger`: an event, an event with a sender or metadata, or a whole envelope.

use serde_json::Value;

use super::dialogue_event::DialogueEvent;
use super::message::EventMessage;
use super::outgoing::Outgoing;
use crate::schema::{Never, Nothing};

/// A value that can be triggered as an event: the event itself, an [`Outgoing`] event or an [`EventMessage`].
///
/// Triggering an `EventMessage` uses its data, sender, timestamp and metadata. The server assigns a new room and
/// number. This trait is sealed: no type outside of Dialogue can implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event, so it cannot be triggered",
    label = "expected an event, an event with a sender or an `EventMessage`",
    note = "write `#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]` on `{Self}`, or trigger an event instead"
)]
pub trait Payload: Send + 'static {
    /// The event's type.
    type Event: DialogueEvent;

    /// The event with its sender and metadata.
    fn into_outgoing(self) -> Outgoing<Self::Event>;
}

impl<E: DialogueEvent> Payload for E {
    type Event = E;

    fn into_outgoing(self) -> Outgoing<E> {
        Outgoing::new(self)
    }
}

/// No type uses this impl, as with `EventData`. Without it, rustc would also report that no room allows the value that
/// isn't an event.
#[diagnostic::do_not_recommend]
#[doc(hidden)]
impl<'any, P: Payload> Payload for P
where
    Nothing: Never<'any>,
{
    type Event = P::Event;

    fn into_outgoing(self) -> Outgoing<P::Event> {
        P::into_outgoing(self)
    }
}

impl<E: DialogueEvent> Payload for Outgoing<E> {
    type Event = E;

    fn into_outgoing(self) -> Self {
        self
    }
}

impl<E: DialogueEvent> Payload for EventMessage<E> {
    type Event = E;

    fn into_outgoing(self) -> Outgoing<E> {
        Outgoing {
            data: self.data,
            from: Some(self.from),
            meta: self.meta.map_or(Value::Null, Value::Object),
            timestamp: Some(self.timestamp),
        }
    }
}
