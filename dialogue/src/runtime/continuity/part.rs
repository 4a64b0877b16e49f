//! What of a client outlives its connection.

use super::idempotency::TriggeredKeys;
use super::resume::Resumes;

/// What of a client outlives its connection.
#[derive(Default)]
pub(crate) struct Continuity {
    /// The secrets with which a new connection continues an earlier one.
    pub(crate) resumes: Resumes,
    /// The keys by which repeated triggers are recognised.
    pub(crate) keys: TriggeredKeys,
}
