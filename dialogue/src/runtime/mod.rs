//! The running server without its sockets: what a trigger, a join, a hook or a handler does.
//!
//! Four storeys; imports go downwards only. `depth`, `random`, `listeners`, `tap`, `hand_over`, `idle_rooms`, `resumes`
//! and `triggered_keys` are parts that know nothing of the whole. [`core`] puts them together and has the handles' types.
//! `asking`, `announce`, `archive`, `history`, `publish`, `retire`, `leave`, `join`, `subscribe` and `rooms` are what happens to it.
//! `trigger`, `listen`, `user_rooms`, `client`, `room`, `assemble`, `builder` and `dialogue` are the API on top.

mod announce;
mod archive;
mod asking;
mod assemble;
mod builder;
mod client;
mod core;
mod depth;
mod dialogue;
mod hand_over;
mod history;
mod idle_rooms;
mod join;
mod leave;
mod listen;
mod listeners;
mod publish;
mod random;
mod resumes;
mod retire;
mod room;
mod rooms;
mod subscribe;
mod tap;
mod trigger;
mod triggered_keys;
mod user_rooms;

pub use self::assemble::BuildError;
pub use self::builder::Builder;
pub use self::core::{Client, Dialogue, RoomHandle};
pub use self::dialogue::CreateRoom;
pub use self::join::JoinError;
pub use self::listen::{EventStream, StreamError, Subscription};
pub use self::room::HistoryError;
pub use self::rooms::CreateRoomError;
pub use self::trigger::Trigger;
pub use self::user_rooms::UserRooms;

pub(crate) use self::announce::info;
pub(crate) use self::asking::allowed;
pub(crate) use self::core::Core;
pub(crate) use self::history::page;
#[cfg(feature = "inspector")]
pub(crate) use self::history::recent;
pub(crate) use self::join::{JoinRequest, ask_again, join};
pub(crate) use self::leave::{disconnect, expel, leave};
pub(crate) use self::publish::{Draft, Rejected, by_client};
pub(crate) use self::random::random_name;
pub(crate) use self::rooms::{ClientCreateError, create_for, delete};
pub(crate) use self::subscribe::{subscribe, subscribe_all, unsubscribe};
#[cfg(feature = "inspector")]
pub(crate) use self::{
    core::wall_clock,
    publish::by_server,
    tap::{Notice, NoticeKind, Viewer},
};
