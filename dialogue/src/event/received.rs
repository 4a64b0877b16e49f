//! The types that a handler can receive: one event's type, a room's event enum, or plain JSON.

use serde_json::Value;

use super::dialogue_event::DialogueEvent;

/// A type that an `on` handler or an event stream can receive: an event type, the event enum that
/// [`rooms!`](crate::rooms) generates for each room, or [`serde_json::Value`] for every event as plain JSON.
pub trait Received: Sized + Send + 'static {
    /// The names of the events that this type represents; `None` for every event.
    fn names() -> Option<&'static [&'static str]>;

    /// Converts an event's data into this type.
    ///
    /// # Errors
    ///
    /// Returns a [`DecodeError`] if the data does not have this type. This happens, for example, if an event cannot be
    /// deserialised from its own serialised form.
    fn decode(event: &str, data: &Value) -> Result<Self, DecodeError>;
}

/// The data of an event does not have the type that a handler expects. The cause, [`source`](std::error::Error::source),
/// says why.
#[derive(Debug, thiserror::Error)]
#[error("cannot decode event `{event}`")]
pub struct DecodeError {
    event: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl DecodeError {
    /// Makes an error which says that `event` cannot be decoded. `cause` is an error or a text that says why.
    pub fn new(event: impl Into<String>, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            event: event.into(),
            source: cause.into(),
        }
    }
}

impl<E: DialogueEvent> Received for E {
    fn names() -> Option<&'static [&'static str]> {
        Some(const { &[E::NAME] })
    }

    fn decode(event: &str, data: &Value) -> Result<Self, DecodeError> {
        crate::schema::decode::decode(data).map_err(|error| DecodeError::new(event, error))
    }
}

impl Received for Value {
    fn names() -> Option<&'static [&'static str]> {
        None
    }

    fn decode(_event: &str, data: &Value) -> Result<Self, DecodeError> {
        Ok(data.clone())
    }
}
