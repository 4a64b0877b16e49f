//! The server's own listeners: handlers and streams of events.

pub(super) mod listeners;
pub(super) mod subscription;
