//! Clients: one connection each, with who it is and what waits to be sent to it.
//!
//! Owns identity and the outbox. Knows no room beyond its id, and no socket.

mod close;
mod flusher;
mod frame;
mod identity;
mod outbox;
mod queue;
mod state;

pub(crate) use close::Close;
pub(crate) use flusher::Flushers;
pub(crate) use frame::{Frame, Written};
pub use identity::{Handshake, Identity, Refusal};
pub(crate) use outbox::{FlushQueue, Outbox, Sender};
pub(crate) use state::{AuthSession, ClientKey, ClientState, Membership};
