//! Rooms: where events happen.
//!
//! Owns what a room is ([`RoomConfig`], declarations, policy), its pure state, and the registry of all rooms. Knows
//! clients as places to send to; knows no socket and no hook.

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
