//! The wire protocol, version 1: text frames into requests, replies and pushes into text frames; for the Rust client, the
//! other way about.
//!
//! Owns what a frame looks like, what counts as malformed, and the error and close codes. Pure: it knows no room, client,
//! socket or clock, and decides nothing that needs to ask one. `docs/protocol.md` tells the same to whoever writes a
//! client; a change here is a change there.

#[cfg(test)]
mod arbitrary;
mod close_code;
#[cfg(test)]
mod document;
mod error_code;
mod event_frame;
mod header;
#[cfg(feature = "client")]
mod incoming;
mod json;
mod reply;
mod request;
mod subscriptions;

pub use close_code::CloseCode;
pub use error_code::ErrorCode;
pub(crate) use event_frame::{EventFrame, EventHead, PreparedEvent};
pub(crate) use header::Header;
#[cfg(feature = "client")]
pub(crate) use incoming::{ErrorFrame, Incoming, JoinedRoom, ListedRoom, Welcome};
pub(crate) use json::MAX_DEPTH;
pub(crate) use reply::{LeftReason, RoomSummary, ServerFrame};
pub(crate) use request::{
    Command, ConnectCommand, HistoryCommand, HistoryCursor, JoinCommand, LogPosition, NewRoom, PROTOCOL,
    RejectedRequest, Request, TriggerCommand,
};
pub(crate) use subscriptions::SubscriptionList;
#[cfg(feature = "inspector")]
pub(crate) use {event_frame::write_message as write_event_message, json::parse as parse_json};
