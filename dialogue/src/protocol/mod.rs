//! The wire protocol, version 1: text frames into requests, replies and pushes into text frames; for the Rust client, the
//! other way about.
//!
//! Owns what a frame looks like, what counts as malformed, and the error and close codes. Pure: it knows no room, client,
//! socket or clock, and decides nothing that needs to ask one. `docs/protocol.md` tells the same to whoever writes a
//! client; a change here is a change there.

#[cfg(test)]
mod arbitrary;
mod code;
#[cfg(test)]
mod document;
#[cfg(feature = "client")]
mod encode;
mod event_frame;
mod fields;
mod header;
#[cfg(feature = "client")]
mod incoming;
mod json;
mod reply;
mod request;
mod subscriptions;

pub use code::{CloseCode, ErrorCode};
pub(crate) use event_frame::{EventFrame, EventHead, PreparedEvent};
pub(crate) use header::Header;
#[cfg(feature = "client")]
pub(crate) use incoming::{ErrorFrame, Incoming, JoinedRoom, ListedRoom, Welcome};
pub(crate) use json::MAX_DEPTH;
pub(crate) use reply::{LeftReason, RoomSummary, ServerFrame};
pub(crate) use request::{
    Command, ConnectCommand, HistoryCommand, HistoryCursor, JoinCommand, LogPosition, NewRoom, RejectedRequest,
    Request, TriggerCommand,
};
pub(crate) use subscriptions::SubscriptionList;
#[cfg(feature = "inspector")]
pub(crate) use {event_frame::write_message as write_event_message, json::parse as parse_json};

/// The version of the protocol that this server speaks.
pub(crate) const PROTOCOL: u64 = 1;
