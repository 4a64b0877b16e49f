//! The requests of a client.
//!
//! `command` has their types, `decode` reads them from text frames, and `encode` writes them. Neither knows which
//! rooms and events exist, or what a client may do.

mod command;
mod decode;
#[cfg(feature = "client")]
mod encode;
mod fields;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

pub(crate) use command::{
    Command, ConnectCommand, HistoryCommand, HistoryCursor, JoinCommand, LogPosition, NewRoom, PROTOCOL,
    RejectedRequest, Request, TriggerCommand,
};
