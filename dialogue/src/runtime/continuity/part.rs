//! What of a client outlives its connection.

use super::idempotency::IdempotencyKeys;
use super::resume::ResumeSecrets;

/// What of a client outlives its connection.
#[derive(Default)]
pub(crate) struct Continuity {
    /// The secrets with which a new connection continues an earlier one.
    pub(crate) resumes: ResumeSecrets,
    /// The keys by which repeated triggers are recognised.
    pub(crate) keys: IdempotencyKeys,
}
