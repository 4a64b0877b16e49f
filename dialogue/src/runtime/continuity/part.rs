//! The part of the core that holds the state that outlives a connection.

use super::idempotency::IdempotencyKeys;
use super::resume::ResumeSecrets;

/// The state of clients that outlives their connections.
#[derive(Default)]
pub(crate) struct Continuity {
    /// The secrets that let a new connection take over from an earlier one.
    pub(crate) resumes: ResumeSecrets,
    /// The idempotency keys, which identify repeated triggers.
    pub(crate) keys: IdempotencyKeys,
}
