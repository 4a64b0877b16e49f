//! Typed real-time rooms.
extern crate self as dialogue;

#[doc(hidden)]
pub mod __private;
mod client;
mod delivery;
mod error;
mod event;
mod history;
mod hooks;
mod id;
mod limits;
mod logger;
mod origin;
mod protocol;
mod rate_limit;
mod room;
mod runtime;
mod serial;
mod session;
mod transport;

pub use client::{Handshake, Identity, Refusal};
pub use delivery::{Delivery, TriggerError};
pub use dialogue_macros::{DialogueEvent, rooms};
pub use error::Error;
pub use event::{
    DecodeError, DefinitionError, DialogueEvent, EventData, EventDefinition, EventDefinitionBuilder, EventMessage,
    HistorySetting, Outgoing, Payload, Received, SchemaError, Violation, event_by_name, is_event_allowed,
    validate_event_data,
};
pub use history::{EvictedHistory, HistoryConfig, HistoryManager, HistoryQuery};
pub use hooks::HookOutcome;
pub use id::{ClientId, EventName, RoomId, UserId};
pub use limits::Limits;
pub use logger::{default_logger, silent_logger};
pub use protocol::{CloseCode, ErrorCode};
pub use rate_limit::RateLimiter;
pub use room::{Allows, ClientAllows, Every, Listen, Room, RoomBlueprint, RoomConfig, RoomRef, RoomSet, SyncHistory};
pub use runtime::{
    BuildError, Builder, Client, CreateRoom, CreateRoomError, Dialogue, EventStream, JoinError, RoomHandle,
    StreamError, Subscription, Trigger, UserRooms,
};

/// What a program that uses Dialogue wants in scope.
pub mod prelude {
    pub use crate::{Client, Dialogue, DialogueEvent, EventMessage, Identity, Refusal, Room, RoomHandle, rooms};
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
}
