//! State that outlives a connection: the `resume` secrets and the idempotency keys of triggers.

mod ended;
pub(super) mod idempotency;
pub(super) mod lineage;
#[cfg(not(feature = "sqlite"))]
mod no_runs;
pub(super) mod recall;
#[cfg(all(test, feature = "sqlite"))]
mod restarts;
pub(super) mod resume;
pub(super) mod revocation;
#[cfg(feature = "sqlite")]
mod runs;
#[cfg(feature = "sqlite")]
mod sealed;
pub(super) mod unnoted;

#[cfg(not(feature = "sqlite"))]
use self::no_runs::Runs;
#[cfg(feature = "sqlite")]
use self::runs::Runs;
