//! What outlives a connection: the secrets of `resume` and the keys of triggers.

pub(super) mod idempotency;
pub(super) mod part;
pub(super) mod resume;
