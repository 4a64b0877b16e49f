//! Rooms: where events happen.

mod declaration;
pub(crate) mod pattern;
mod typed;

pub use declaration::{
    DeclaredEvents, DefaultSubscriptions, FamilyOptions, IdPattern, RoomDeclaration, Segment, SyncHistory,
};
pub(crate) use typed::ListenScope;
pub use typed::{Allows, ClientAllows, Every, Listen, Room, RoomRef, RoomSet};
