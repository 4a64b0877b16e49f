//! The contract between a server and its clients, as documents: TypeScript, JSON Schema and AsyncAPI. A lock file
//! detects changes to it.
//!
//! Dialogue derives everything here from the declarations in [`rooms!`](crate::rooms), without a server. See
//! [`RoomSet::typescript`], [`RoomSet::json_schema`] and [`AsyncApi`]. Call [`check_lock`] in a test: it
//! fails if a change would break deployed clients.
//!
//! ```
//! use dialogue::prelude::*;
//!
//! /// A chat line.
//! #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! pub struct Message {
//!     pub text: String,
//! }
//!
//! rooms! {
//!     pub Rooms;
//!     pub Chat = "chat" { events: [Message] }
//! }
//!
//! let types = Rooms::typescript()?;
//! assert!(types.contains("export type Message"));
//! assert_eq!(Rooms::asyncapi()?["asyncapi"], "3.0.0");
//! # Ok::<(), dialogue::contract::ContractError>(())
//! ```

mod asyncapi;
mod canonical;
mod direction;
mod json_schema;
mod local_references;
mod lock;
mod model;
mod names;
mod payload_types;
#[cfg(test)]
mod random_schemas;
mod reference;
pub(crate) mod room_set;
mod snapshot;
mod typescript;
mod variants;

pub use asyncapi::{AsyncApi, View};
pub use lock::{Change, Impact, Lock, LockError, check_lock};
pub use model::ContractError;

#[cfg(feature = "runtime")]
pub(crate) use {asyncapi::ServerUrl, model::Contract, room_set::RoomSet};
#[cfg(feature = "server")]
pub(crate) use {asyncapi::asyncapi, typescript::typescript};
