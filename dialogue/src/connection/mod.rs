//! The connected clients of a server. Each client is one connection.
//!
//! Owns a client's identity and its outbox. It knows rooms only by their ids, and no sockets.

mod address_quota;
mod client_key;
mod close;
mod flusher;
mod frame;
mod holder;
mod identity;
mod outbox;
mod queue;
mod reply_share;
mod reservation;
mod state;

pub(crate) use address_quota::{AddressQuota, AddressSlot};
pub(crate) use client_key::{ClientKey, ClientMap};
pub(crate) use close::Close;
pub(crate) use flusher::Flushers;
pub(crate) use frame::{Frame, Written};
pub(crate) use holder::Holder;
pub use identity::{Handshake, Identity};
pub(crate) use outbox::{FlushQueue, Interrupt, Outbox, Sender};
pub(crate) use reply_share::{ReplyShare, ReplyShares};
pub(crate) use reservation::Reservation;
pub(crate) use state::{AuthSession, ClientState, Membership, MembershipEnd};
