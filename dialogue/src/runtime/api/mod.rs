//! The public handles: the server, a client, a room, and the futures that they return.

mod client;
pub(super) mod dialogue;
mod erase;
pub(super) mod here;
mod observe;
pub(super) mod room;
pub(super) mod trigger;
pub(super) mod user_rooms;
pub(super) mod weak;
