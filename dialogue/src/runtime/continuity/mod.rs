//! State that outlives a connection: the `resume` secrets and the idempotency keys of triggers.

mod ended;
pub(super) mod idempotency;
pub(super) mod lineage;
#[cfg(not(any(feature = "sqlite", feature = "redis")))]
mod no_runs;
#[cfg(any(feature = "sqlite", feature = "redis"))]
mod nodes;
pub(super) mod recall;
#[cfg(all(test, feature = "sqlite"))]
mod restarts;
pub(super) mod resume;
pub(super) mod revocation;
#[cfg(any(feature = "sqlite", feature = "redis"))]
mod runs;
#[cfg(any(feature = "sqlite", feature = "redis"))]
mod sealed;
pub(super) mod unnoted;

#[cfg(not(any(feature = "sqlite", feature = "redis")))]
use self::no_runs::Runs;
#[cfg(any(feature = "sqlite", feature = "redis"))]
use self::runs::Runs;
