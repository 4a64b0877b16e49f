//! State that outlives a connection: the `resume` secrets and the idempotency keys of triggers.

mod ended;
pub(super) mod idempotency;
pub(super) mod resume;
