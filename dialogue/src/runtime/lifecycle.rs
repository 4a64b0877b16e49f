//! The server's life: its tasks, and the two signals that end it.
//!
//! Owns no connection and no room. [`super::stop`] uses it for the graceful shutdown.

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;

/// The tasks of a server, and whether it is stopping.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    /// Connections, and everything that they start.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the graceful shutdown begins: from then on the server accepts nothing new.
    pub(crate) stopping: CancellationToken,
    /// Cancelled when the graceful shutdown is over: every task that still runs ends.
    pub(crate) stopped: CancellationToken,
}

impl Lifecycle {
    /// Whether the graceful shutdown has begun.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Waits until the graceful shutdown begins.
    pub(crate) fn stopping(&self) -> WaitForCancellationFuture<'_> {
        self.stopping.cancelled()
    }

    /// Whether the server has stopped: it accepts no trigger any more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.is_cancelled()
    }

    /// Waits until the server has stopped.
    pub(crate) fn stopped(&self) -> WaitForCancellationFuture<'_> {
        self.stopped.cancelled()
    }
}
