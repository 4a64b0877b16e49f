//! The running server without its sockets: what a trigger, a join, a hook or a handler does.
//!
//! [`core`] holds the data and the handles' types; `publish`, `membership`, `rooms` and `history` are what happens to
//! it; `client`, `room`, `user_rooms`, `listen` and `dialogue` are the API on top. Imports go from the later to the
//! earlier.

mod builder;
mod client;
mod core;
mod dialogue;
mod hand_over;
mod history;
mod idle_rooms;
mod listen;
mod listeners;
mod membership;
mod publish;
mod resumes;
mod room;
mod rooms;
mod trigger;
mod triggered_keys;
mod user_rooms;

pub use self::builder::{BuildError, Builder};
pub use self::core::{Client, Dialogue, RoomHandle};
pub use self::dialogue::CreateRoom;
pub use self::listen::{EventStream, StreamError, Subscription};
pub use self::membership::JoinError;
pub use self::rooms::CreateRoomError;
pub use self::trigger::Trigger;
pub use self::user_rooms::UserRooms;

pub(crate) use self::core::{Core, random_name};
pub(crate) use self::history::page;
pub(crate) use self::membership::{
    JoinRequest, disconnect, expel, join, leave, rejoin, subscribe, subscribe_all, unsubscribe,
};
pub(crate) use self::publish::{Draft, Rejected, allowed, by_client};
pub(crate) use self::rooms::{ClientCreateError, create_for, delete, info};

/// A new room's epoch: 64 random bits, so that no position of an earlier room of the same id fits.
fn random_epoch() -> std::sync::Arc<str> {
    random_name(8).into()
}
