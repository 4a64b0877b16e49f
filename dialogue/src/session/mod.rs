//! One client's conversation with the server: who it is, and its commands one after another.
//!
//! Owns how requests become calls of the runtime and how the outcomes become replies. Knows no socket: frames come in as
//! text, replies go to the outbox.

mod commands;
mod greeting;
mod reply;

pub(crate) use commands::Conversation;
pub(crate) use greeting::{admit, authenticate};
pub(crate) use reply::{Failure, refuse};
