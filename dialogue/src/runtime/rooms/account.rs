//! What rooms count against, and what is known of a stored room without loading it. Plain data.

use crate::connection::Holder;

/// What a room that exists because of a client counts against.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Account {
    /// The rooms of a family that a holder's clients have created. The family is its index among the families.
    Created(usize, Holder),
    /// The on-demand rooms that a holder's clients have joined first.
    OnDemand(Holder),
}

/// A created room in the store.
#[derive(Debug)]
pub(super) struct StoredEntry {
    /// It is kept, but this server does not declare it, or declares another room with its id.
    pub(super) is_hidden: bool,
    /// No other entry has this number: another incarnation of the room has another one.
    pub(super) number: u64,
}
