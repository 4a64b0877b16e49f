//! A client's conversation with the server: the sign-in, then the commands, one after another.
//!
//! This module turns requests into calls of the runtime, and the outcomes into replies. It does not know the socket: it
//! receives parsed requests, and queues its replies in the outbox.

mod commands;
mod reply;
mod retry_after;
mod sign_in;

pub(crate) use commands::Conversation;
pub(crate) use reply::{CommandError, refuse};
pub(crate) use sign_in::{admit, authenticate};
