//! Rooms: where events happen.
//!
//! Owns the description of a room ([`RoomConfig`], declarations, policy) and the state of one room. For this module, a
//! client is only a place to send to. It does not know sockets or hooks, and the registry of all rooms is in the
//! runtime.

#[cfg(feature = "runtime")]
mod cell;
#[cfg(feature = "runtime")]
mod config;
mod declaration;
#[cfg(feature = "runtime")]
mod local;
pub(crate) mod pattern;
#[cfg(feature = "runtime")]
mod policy;
#[cfg(feature = "runtime")]
mod record;
#[cfg(feature = "runtime")]
mod state;
#[cfg(feature = "runtime")]
mod subscriptions;
mod typed;

pub use declaration::{
    DeclaredEvents, DefaultSubscriptions, FamilyOptions, IdPattern, RoomDeclaration, Segment, SyncHistory,
};
pub use typed::{Allows, ClientAllows, Every, Listen, Room, RoomRef};

#[cfg(feature = "runtime")]
pub use config::{RoomBlueprint, RoomConfig, RoomConfigError};
#[cfg(feature = "runtime")]
pub(crate) use {
    cell::{Origin, RoomCell, ServedRoomState},
    config::{RoomPlan, RoomTemplate},
    policy::{EventPolicy, KnownEvents, Party},
    record::NoSeat,
    subscriptions::Subscriptions,
    typed::ListenScope,
};
