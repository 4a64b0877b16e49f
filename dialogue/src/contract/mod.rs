//! What a server and its clients agree on, told to others: TypeScript, JSON Schema, AsyncAPI, and a lock file that notices
//! when it changes.
//!
//! Everything here is made from what [`rooms!`](crate::rooms) declares, and needs no server: see
//! [`RoomSet::typescript`], [`RoomSet::json_schema`] and [`RoomSet::asyncapi`], and [`check_lock`] for a test that fails
//! when clients in the field would break.
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
mod direction;
mod json_schema;
mod lock;
mod model;
mod names;
mod payload_types;
mod reference;
mod room_set;
mod snapshot;
mod typescript;

pub use lock::{Change, Impact, Lock, LockError, check_lock};
pub use model::ContractError;
pub use room_set::RoomSet;

pub(crate) use asyncapi::asyncapi;
pub(crate) use model::Contract;
pub(crate) use typescript::typescript;
