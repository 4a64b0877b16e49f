//! The parts that need no server: parsing a client's frame, validating its data, encoding an event's frame.

use dialogue::event::{EventDefinition, validate_event_data};
use dialogue::prelude::*;
use dialogue::{EventMessage, Violation, testing};
use serde_json::{Value, json};

use crate::server::{Message, trigger_text};

/// One event in each of its forms.
pub struct Pieces {
    request: String,
    definition: EventDefinition,
    data: Value,
    message: EventMessage,
}

impl Pieces {
    /// Creates an event like the ones that the benchmarks send.
    pub fn new() -> Self {
        let data = json!({ "text": "x".repeat(80), "senderId": "load" });
        Self {
            request: trigger_text(),
            definition: Message::definition().clone(),
            message: serde_json::from_value(json!({
                "event": Message::NAME, "roomId": "lobby-0", "data": data, "from": "load",
                "timestamp": 1_764_000_000_000_u64, "seq": 1,
            }))
            .expect("an event"),
            data,
        }
    }

    /// Parses a client's frame into a request.
    pub fn decode(&self) -> impl Sized {
        testing::parse_request(&self.request, 32)
    }

    /// Validates data against the published schema, then against the type.
    pub fn validate(&self) -> Result<Value, Vec<Violation>> {
        validate_event_data(&self.definition, &self.data)
    }

    /// Encodes an event into the frame that its subscribers share.
    pub fn encode(&self) -> impl Sized {
        testing::encode_event(&self.message)
    }
}

impl Default for Pieces {
    fn default() -> Self {
        Self::new()
    }
}
