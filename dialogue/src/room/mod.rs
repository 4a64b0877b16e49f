//! Rooms at compile time: which events a room allows, and which rooms a handler listens to.
//!
//! [`rooms!`](crate::rooms) implements these traits, so you name them only in generic code:
//!
//! ```
//! use dialogue::prelude::*;
//! use dialogue::room::Allows;
//! use dialogue::{Delivery, TriggerError};
//!
//! /// Somebody publishes news.
//! #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! pub struct News {
//!     pub title: String,
//! }
//!
//! /// Sends the same event to any room that allows it.
//! async fn announce<R: Allows<News>>(dialogue: &Dialogue, room: R) -> Result<Delivery, TriggerError> {
//!     dialogue.trigger(room, News { title: "hello".into() }).await
//! }
//! ```

// Owns the description of a room (`RoomConfig`, declarations, policy) and the state of one room. For this module, a
// client is only a place to send to. It does not know sockets or hooks, and the registry of all rooms is in the
// runtime.

#[cfg(feature = "runtime")]
mod appends;
#[cfg(feature = "runtime")]
mod apply_queue;
#[cfg(feature = "runtime")]
mod cell;
#[cfg(feature = "runtime")]
pub(crate) mod config;
pub(crate) mod declaration;
#[cfg(feature = "runtime")]
mod local;
#[cfg(feature = "runtime")]
pub(crate) mod overlap;
pub(crate) mod pattern;
#[cfg(feature = "runtime")]
mod policy;
#[cfg(feature = "runtime")]
mod record;
#[cfg(feature = "runtime")]
mod returning;
#[cfg(feature = "runtime")]
mod state;
#[cfg(feature = "runtime")]
mod stored_config;
#[cfg(feature = "runtime")]
mod subscriptions;
pub(crate) mod typed;

pub use declaration::SyncHistory;
pub use typed::{Allows, ClientAllows, Every, Listen};

#[cfg(feature = "runtime")]
pub use config::{RoomBlueprint, RoomConfigError};
pub(crate) use declaration::{DeclaredEvents, DefaultSubscriptions, IdPattern, RoomDeclaration, Segment};
#[cfg(any(feature = "client", feature = "runtime"))]
pub(crate) use typed::RoomRef;
#[cfg(feature = "runtime")]
pub(crate) use {
    apply_queue::{BeginningCheck, LogEntry, LogPlace, NextChange},
    cell::{Loaded, Origin, RoomCell, ServedRoomState},
    config::{RoomPlan, RoomTemplate},
    policy::{EventPolicy, KnownEvents, Party},
    record::{NoSeat, RoomRecord},
    stored_config::StoredRoomConfig,
    subscriptions::Subscriptions,
    typed::{ListenScope, Room},
};
