//! What `trigger` takes: an event, an event with a sender or metadata, or a whole envelope.

use serde_json::Value;

use super::dialogue_event::DialogueEvent;
use super::message::EventMessage;
use super::outgoing::Outgoing;
use crate::schema::Never;

/// What can be triggered as an event: the event itself, an [`Outgoing`] one, or an [`EventMessage`].
///
/// Of an `EventMessage`, the data, sender, timestamp and metadata are taken; its room and number are given anew.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event, so it cannot be triggered",
    label = "expected an event, an event with a sender or an `EventMessage`",
    note = "write `#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]` on `{Self}`, or trigger an event instead"
)]
pub trait Payload<Why = ()>: Send + 'static {
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

/// For nobody, as with `EventData`: rustc would otherwise go on to say that no room allows what is no event.
#[diagnostic::do_not_recommend]
#[doc(hidden)]
impl<E: DialogueEvent, Why: Never> Payload<Why> for E {
    type Event = E;

    fn into_outgoing(self) -> Outgoing<E> {
        Outgoing::new(self)
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
