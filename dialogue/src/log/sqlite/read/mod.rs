//! What is read from the file. Each function runs in one transaction of a reader.
//!
//! The answers equal those of the memory log ([`room_log`](crate::log::room_log), [`page`](crate::log::page)): the same
//! bounds, the same marks of each type, and [`Replay::Lost`](crate::log::Replay::Lost) whenever an event may be missing.

pub(super) mod expired;
pub(super) mod page;
pub(super) mod replay;
pub(super) mod rooms;
mod rows;
pub(super) mod sent;
pub(super) mod window;
