//! What a handler may take: one event's type, a room's event enum, or plain JSON.

use serde_json::Value;

use super::dialogue_event::DialogueEvent;

/// What an `on` handler or an event stream can be given: an event type, the event enum that [`rooms!`](crate::rooms)
/// makes for each room, or [`serde_json::Value`] for every event as it is.
pub trait Received: Sized + Send + 'static {
    /// The names of the events it stands for; `None` for every event.
    fn names() -> Option<&'static [&'static str]>;

    /// The typed form of an event's data.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] when the data is not of this type, as for an event whose serialised form is not one that it
    /// deserialises from.
    fn decode(event: &str, data: &Value) -> Result<Self, DecodeError>;
}

/// An event's data is not of the type that a handler takes.
#[derive(Debug, thiserror::Error)]
#[error("event `{event}` does not decode: {reason}")]
pub struct DecodeError {
    event: String,
    reason: String,
}

impl DecodeError {
    /// Says that `event` does not decode, and why.
    pub fn new(event: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self {
            event: event.into(),
            reason: reason.to_string(),
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
