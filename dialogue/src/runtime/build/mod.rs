//! Building a server from declarations, hooks and limits.

pub(super) mod builder;
pub(super) mod check;
mod hooks;
mod ids;
pub(super) mod limits;
mod room_hooks;
