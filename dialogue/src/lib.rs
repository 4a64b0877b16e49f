//! Typed real-time rooms.
extern crate self as dialogue;

#[doc(hidden)]
pub mod __private;
mod event;
mod history;
mod id;
mod logger;
mod protocol;
mod rate_limit;
mod room;

pub use dialogue_macros::{DialogueEvent, rooms};
pub use event::{
    DecodeError, DefinitionError, DialogueEvent, EventData, EventDefinition, EventDefinitionBuilder, EventMessage,
    HistorySetting, Outgoing, Payload, Received, SchemaError, Violation, event_by_name, is_event_allowed,
    validate_event_data,
};
pub use history::{HistoryConfig, HistoryManager};
pub use id::{ClientId, EventName, RoomId, UserId};
pub use logger::{default_logger, silent_logger};
pub use protocol::{CloseCode, ErrorCode};
pub use rate_limit::RateLimiter;
pub use room::{Allows, ClientAllows, Every, Listen, Room, RoomRef, RoomSet, SyncHistory};

/// What a program that uses Dialogue wants in scope.
pub mod prelude {
    pub use crate::{DialogueEvent, EventMessage, rooms};
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
}
