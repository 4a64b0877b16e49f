//! Handlers and streams of events on the server.

pub(super) mod listeners;
pub(super) mod subscription;
