//! An event with a sender and metadata, before it has an envelope.

use serde_json::{Map, Value};

use crate::id::UserId;
use crate::schema::Violation;

/// An event on its way out, with its sender and metadata: what [`sent_by`](super::DialogueEvent::sent_by) and
/// [`with_meta`](super::DialogueEvent::with_meta) return.
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
