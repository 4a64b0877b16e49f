//! What `trigger` takes: an event, an event with a sender or metadata, or a whole envelope.

use serde_json::{Map, Value};

use super::{DialogueEvent, EventMessage};
use crate::id::UserId;
use crate::schema::{Never, Violation};

/// An event on its way out, with its sender and metadata: what [`DialogueEvent::sent_by`] and
/// [`DialogueEvent::with_meta`] return.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "an outgoing event does nothing until it is triggered"]
pub struct Outgoing<E> {
    pub(crate) data: E,
    pub(crate) from: Option<UserId>,
    pub(crate) meta: Value,
    pub(crate) timestamp: Option<u64>,
}

impl<E> Outgoing<E> {
    /// The event as the server's own, without metadata.
    pub fn new(data: E) -> Self {
        Self {
            data,
            from: None,
            meta: Value::Null,
            timestamp: None,
        }
    }

    /// Names the user who sent it, in place of `"system"`.
    pub fn sent_by(mut self, user: impl Into<UserId>) -> Self {
        self.from = Some(user.into());
        self
    }

    /// Attaches metadata, a JSON object: `json!({ "traceId": "…" })`. It travels beside the data and has no schema. Anything
    /// but an object, or `null` for none, makes the trigger fail as invalid.
    pub fn with_meta(mut self, meta: impl Into<Value>) -> Self {
        self.meta = meta.into();
        self
    }

    /// The metadata as the envelope holds it; an error if it is not an object.
    pub(crate) fn take_meta(&mut self) -> Result<Option<Map<String, Value>>, Violation> {
        match self.meta.take() {
            Value::Null => Ok(None),
            Value::Object(meta) => Ok(Some(meta)),
            _ => Err(Violation::type_mismatch("`meta` is not an object")),
        }
    }
}

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
