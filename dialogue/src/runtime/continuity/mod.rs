//! State that outlives a connection: the `resume` secrets and the idempotency keys of triggers.

pub(super) mod idempotency;
pub(super) mod resume;
