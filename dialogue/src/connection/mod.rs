//! Clients: one connection each, with who it is and what waits to be sent to it.
//!
//! Owns identity and the outbox. Knows no room beyond its id, and no socket.

mod flusher;
mod identity;
mod outbox;
mod state;

pub(crate) use flusher::{Flusher, Flushers};
pub use identity::{Handshake, Identity, Refusal};
pub(crate) use outbox::{Close, Frame, Outbox, Sender, Written};
pub(crate) use state::{AuthSession, ClientKey, ClientState, Membership};
