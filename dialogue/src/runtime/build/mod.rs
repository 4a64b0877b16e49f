//! From declarations and hooks to a running server.

pub(super) mod builder;
pub(super) mod check;
