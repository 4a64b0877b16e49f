//! The codes of the wire protocol: why a request failed, and why a connection was closed.
//!
//! The repository's `docs/protocol.md` describes the protocol for authors of clients.

// The wire protocol, version 1. The server decodes text frames into requests, and encodes replies and pushes into text
// frames. The Rust client does the opposite.
//
// Owns the form of every frame, the rules for malformed frames, and the error and close codes. It is pure: it knows no
// room, client, socket or clock. It makes no decision that needs one of them. `docs/protocol.md` describes the protocol
// for authors of clients; change both together.

#[cfg(test)]
#[cfg(feature = "runtime")]
mod arbitrary;
mod close_code;
#[cfg(test)]
#[cfg(feature = "runtime")]
mod document;
#[cfg(feature = "runtime")]
mod erasure;
mod error_code;
#[cfg(feature = "runtime")]
mod event_frame;
#[cfg(feature = "runtime")]
mod header;
#[cfg(feature = "client")]
mod incoming;
mod json;
#[cfg(feature = "runtime")]
mod reply;
mod request;
mod subscriptions;

pub use close_code::CloseCode;
pub use error_code::ErrorCode;
#[cfg(feature = "sqlite")]
pub(crate) use event_frame::NumberedEvent;
#[cfg(feature = "client")]
pub(crate) use incoming::{ErrorFrame, Incoming, JoinedRoom, ListedRoom, Welcome, WelcomeRate};
pub(crate) use request::{
    Command, ConnectCommand, FirstAttempt, HistoryCommand, HistoryCursor, JoinCommand, LogPosition, NewRoom, NextPage,
    PROTOCOL, Request, TriggerCommand,
};
pub(crate) use subscriptions::SubscriptionList;
#[cfg(feature = "runtime")]
pub(crate) use {
    erasure::{erased, is_unerased_of},
    event_frame::{EventFrame, EventHead, PreparedEvent},
    header::Header,
    json::MAX_DEPTH,
    reply::{FrameRate, LeftReason, RoomSummary, ServerFrame},
    request::RejectedRequest,
};
#[cfg(feature = "inspector")]
pub(crate) use {event_frame::write_message as write_event_message, json::parse as parse_json};
