//! An event with its sender and metadata, before it has an envelope.

use serde_json::Value;

use crate::id::UserId;

/// An event to be triggered, with its sender and metadata. [`sent_by`](super::DialogueEvent::sent_by) and
/// [`with_meta`](super::DialogueEvent::with_meta) return it.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "an outgoing event does nothing until it is triggered"]
pub struct Outgoing<E> {
    pub(crate) data: E,
    pub(crate) from: Option<UserId>,
    pub(crate) meta: Value,
    pub(crate) timestamp: Option<u64>,
}

impl<E> Outgoing<E> {
    /// Makes an event that the server sends, without metadata.
    pub fn new(data: E) -> Self {
        Self {
            data,
            from: None,
            meta: Value::Null,
            timestamp: None,
        }
    }

    /// Sets the user who sent the event, instead of `"system"`.
    pub fn sent_by(mut self, user: impl Into<UserId>) -> Self {
        self.from = Some(user.into());
        self
    }

    /// Adds metadata, a JSON object: `json!({ "traceId": "…" })`. It travels next to the data and has no schema.
    /// `null` means no metadata. With any other value, the trigger fails as invalid.
    pub fn with_meta(mut self, meta: impl Into<Value>) -> Self {
        self.meta = meta.into();
        self
    }

    /// Takes the metadata in the form that the envelope needs. Fails if it isn't an object.
    #[cfg(any(feature = "client", feature = "runtime"))]
    pub(crate) fn take_meta(&mut self) -> Result<Option<serde_json::Map<String, Value>>, crate::schema::Violation> {
        match self.meta.take() {
            Value::Null => Ok(None),
            Value::Object(meta) => Ok(Some(meta)),
            _ => Err(crate::schema::Violation::type_mismatch("`meta` is not an object")),
        }
    }
}
