//! A key, who has sent it, and for how long it is remembered.

use std::sync::Arc;
use std::time::Duration;

use crate::connection::Holder;
use crate::id::{ClientId, UserId};

/// How long a key is remembered after its delivery, and after the end of its connection. A client that loses its
/// connection reconnects and repeats its triggers within this time.
pub(super) const WINDOW: Duration = Duration::from_secs(120);

/// A key: of one user, in one incarnation of a room.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) user: UserId,
    pub(super) epoch: Arc<str>,
    pub(super) key: String,
}

/// Who has sent a delivered trigger.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    /// In whose share the key counts.
    pub(super) holder: Holder,
    /// The connection that sent it first.
    pub(super) connection: ClientId,
}
