//! What rooms count against, and what is known of a stored room without loading it. Plain data.

use std::sync::Arc;

use crate::connection::{ClientState, Holder};

/// What a room that exists because of a client counts against.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Account {
    /// The rooms of a family that a holder's clients have created. The family is its index among the families.
    Created(usize, Holder),
    /// The rooms that a holder's clients have made present: on-demand rooms that they have joined first, and stored rooms
    /// that were loaded for them.
    OnDemand(Holder),
}

/// For whom a stored room is loaded, which decides what it counts against in this process.
#[derive(Clone, Copy)]
pub(crate) enum LoadedFor<'a> {
    /// It takes a place among all rooms.
    Server,
    /// It also takes a share of the client's holder.
    Client(&'a ClientState),
    /// It is about to go, so no limit applies.
    Deletion,
    /// It is left over from an earlier run, and expires unless its creator comes back. It takes a place of clients.
    Expiry,
}

/// A created room in the store.
#[derive(Debug)]
pub(super) struct StoredEntry {
    /// Identifies the room's incarnation.
    pub(super) incarnation: Arc<str>,
    /// It is kept, but this server does not declare it, or declares another room with its id.
    pub(super) is_hidden: bool,
    /// It was made here once, so its configuration is valid.
    pub(super) is_valid: bool,
    /// What the room counts against.
    pub(super) account: Option<Account>,
    /// No other entry has this number: another incarnation of the room has another one.
    pub(super) number: u64,
}
