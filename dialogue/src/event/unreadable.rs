//! A past event that its type cannot show: it was erased, or its data does not have the type.

use std::sync::Arc;

use super::message::EventMessage;
use super::received::DecodeError;
#[cfg(any(feature = "client", feature = "runtime"))]
use super::received::Received;

/// An event of a room's history that its type cannot show. It stands in the place of the event, so that a page keeps its
/// order and a program can page on from it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// The event was erased. This is its envelope, without data and metadata.
    #[error("event {} was erased", number(.0))]
    Erased(EventMessage<()>),
    /// The data does not have the event's type. The event may be older than today's type.
    #[error("event {} cannot be decoded", number(.message))]
    Decode {
        /// The event as plain JSON.
        message: Box<EventMessage>,
        /// Why it cannot be decoded.
        source: Arc<DecodeError>,
    },
}

fn number<T>(message: &EventMessage<T>) -> String {
    match message.seq {
        Some(seq) => format!("{seq} of `{}`", message.room_id),
        None => format!("`{}` of `{}`", message.event, message.room_id),
    }
}

impl Unreadable {
    /// The event's number in its room. Events that the application pushed into a history have none.
    #[must_use]
    pub fn seq(&self) -> Option<u64> {
        match self {
            Self::Erased(message) => message.seq,
            Self::Decode { message, .. } => message.seq,
        }
    }
}

/// Reads an event as a type.
#[cfg(any(feature = "client", feature = "runtime"))]
pub(crate) fn read<M: Received>(message: &EventMessage) -> Result<EventMessage<M>, Unreadable> {
    // Even if the type accepts `null`: the sender never sent that.
    if message.erased {
        return Err(Unreadable::Erased(message.with_data(())));
    }
    match M::decode(&message.event, &message.data) {
        Ok(data) => Ok(message.with_data(data)),
        Err(source) => Err(Unreadable::Decode {
            message: Box::new(message.clone()),
            source: Arc::new(source),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    #[cfg(any(feature = "client", feature = "runtime"))]
    fn an_erased_event_has_no_data_even_for_a_type_that_accepts_null() {
        let mut message = EventMessage::new("message", "chat", Value::Null);
        message.seq = Some(7);
        assert!(read::<Value>(&message).is_ok());
        message.erased = true;
        let unreadable = read::<Value>(&message).unwrap_err();
        assert!(matches!(&unreadable, Unreadable::Erased(erased) if erased.seq == Some(7)));
        assert_eq!(unreadable.to_string(), "event 7 of `chat` was erased");
    }

    #[test]
    fn an_envelope_says_that_its_event_was_erased_only_if_it_was() {
        let mut message = EventMessage::new("message", "chat", Value::Null);
        assert_eq!(json!(message).get("erased"), None);
        message.erased = true;
        let text = json!(message).to_string();
        assert_eq!(serde_json::from_str::<EventMessage>(&text).unwrap(), message);
    }
}
