//! The path of an event from a trigger to its recipients: [`admit`], [`sequence`], [`apply`].
//!
//! With a store, [`append`] is the second step, and the room's [`apply_queue`] the third.

mod admit;
mod after;
mod append;
mod apply;
pub(super) mod apply_queue;
mod catch_up;
mod check;
mod conclude;
pub(super) mod draft;
pub(super) mod fed;
pub(super) mod reach;
mod sequence;
pub(super) mod trigger;
