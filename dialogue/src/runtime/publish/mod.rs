//! The path of an event from a trigger to its recipients: [`admit`], [`sequence`], [`apply`].

mod admit;
mod apply;
#[allow(dead_code, reason = "the parts of the server that change a store's log follow")]
pub(super) mod apply_queue;
pub(super) mod draft;
mod sequence;
pub(super) mod trigger;
