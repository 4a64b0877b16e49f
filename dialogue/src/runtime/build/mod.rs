//! Building a server from declarations, hooks and limits.

pub(super) mod builder;
pub(super) mod check;
mod hooks;
mod room_hooks;
