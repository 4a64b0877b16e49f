//! For how long the log that several nodes share has not been reached.

use std::time::Duration;

use tokio::time::Instant;

use super::core::Core;

/// For how long a server's cluster has not been reached. `None` while it is, and without a cluster.
pub(crate) fn outage(core: &Core) -> Option<Duration> {
    let now = Instant::now();
    match core.first_contact.awaited_since() {
        Some(since) => Some(now.saturating_duration_since(since)),
        None => core.cluster.as_ref()?.contact().borrow().outage(now),
    }
}
