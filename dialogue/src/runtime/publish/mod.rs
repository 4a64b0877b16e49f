//! The path of an event from a trigger to its recipients: [`admit`], [`sequence`], [`apply`].

mod admit;
mod apply;
pub(super) mod draft;
mod sequence;
pub(super) mod trigger;
