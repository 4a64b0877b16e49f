//! Typed real-time rooms.
#![cfg_attr(
    not(feature = "server"),
    allow(dead_code, unused_imports, reason = "without a transport, nobody connects")
)]

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
#[cfg(feature = "jwt")]
mod jwt;
mod limits;
mod logger;
mod origin;
mod protocol;
mod rate_limit;
mod room;
mod runtime;
mod serial;
mod session;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "server")]
mod transport;

pub use client::{Handshake, Identity, Refusal};
pub use delivery::{Delivery, TriggerError};
#[cfg(feature = "macros")]
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
#[cfg(feature = "jwt")]
pub use jwt::Jwt;
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
    #[cfg(feature = "macros")]
    pub use crate::rooms;
    pub use crate::{Client, Dialogue, DialogueEvent, EventMessage, Identity, Refusal, Room, RoomHandle};
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
}
