//! What a client may ask, and how a text frame becomes it.
//!
//! Every field is checked here, used or not, so that whoever runs a command meets only well-formed ones: room ids and
//! event names are such as can exist. Whether they do, and who may, is decided elsewhere.

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
