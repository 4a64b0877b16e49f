//! The handles that a program holds: of a client, of its rooms, and of its requests.

mod asking;
mod builder;
pub(crate) mod client;
mod create_room;
mod join;
mod joined;
mod notifications;
mod shared;
mod stream;
mod triggering;

pub use asking::Asking;
pub use builder::ClientBuilder;
pub use create_room::RoomRequest;
pub use join::Join;
pub use joined::{AnyRoom, Joined};
pub use stream::RoomStream;
pub use triggering::Triggering;
