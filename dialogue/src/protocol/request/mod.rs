//! The requests of a client.
//!
//! `command` has their types, `decode` reads them from text frames, and `encode` writes them. Neither knows which
//! rooms and events exist, or what a client may do.

mod command;
#[cfg(feature = "runtime")]
mod decode;
#[cfg(feature = "client")]
mod encode;
#[cfg(feature = "runtime")]
mod fields;
#[cfg(test)]
#[cfg(feature = "runtime")]
mod laws;
#[cfg(test)]
#[cfg(feature = "runtime")]
mod tests;

pub(crate) use command::{
    Command, ConnectCommand, FirstAttempt, HistoryCommand, HistoryCursor, JoinCommand, LogPosition, NewRoom, NextPage,
    PROTOCOL, Request, TriggerCommand,
};
#[cfg(feature = "runtime")]
pub(crate) use decode::RejectedRequest;
