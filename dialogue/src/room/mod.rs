//! Rooms: where events happen.
//!
//! Owns the description of a room ([`RoomConfig`], declarations, policy) and the state of one room. For this module, a
//! client is only a place to send to. It does not know sockets or hooks, and the registry of all rooms is in the
//! runtime.

mod cell;
mod config;
mod declaration;
mod local;
pub(crate) mod pattern;
mod policy;
mod record;
mod state;
mod subscriptions;
mod typed;

pub(crate) use cell::{Origin, RoomCell};
pub use config::{RoomBlueprint, RoomConfig};
pub(crate) use config::{RoomPlan, RoomTemplate};
pub use declaration::{
    DeclaredEvents, DefaultSubscriptions, FamilyOptions, IdPattern, RoomDeclaration, Segment, SyncHistory,
};
pub(crate) use policy::{EventPolicy, KnownEvents, Party};
pub(crate) use record::NoSeat;
pub(crate) use state::RoomState;
pub(crate) use subscriptions::Subscriptions;
pub(crate) use typed::ListenScope;
pub use typed::{Allows, ClientAllows, Every, Listen, Room, RoomRef};
