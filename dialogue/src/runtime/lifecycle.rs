//! The server's life: its tasks, and the two signals that end it.
//!
//! Owns no connection and no room. [`super::stop`] uses it for the graceful shutdown.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use http::Extensions;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;

use crate::serial::Tasks;

/// Tells the servers of a process apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerId(u64);

impl ServerId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The tasks of a server, and whether it is stopping.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    pub(crate) server: ServerId,
    /// Connections, and everything that they start.
    pub(crate) tasks: Tasks,
    /// Tasks that only wait to forget something. The graceful shutdown does not wait for them.
    pub(in crate::runtime) background: Tasks,
    /// Changes that a store has and that have not been applied here: events, deletions and erasures. The graceful shutdown waits
    /// for them.
    pub(in crate::runtime) changes: TaskTracker,
    /// Cancelled when the graceful shutdown begins: from then on the server accepts nothing new.
    pub(crate) stopping: CancellationToken,
    /// Cancelled when the graceful shutdown is over: every task that still runs ends.
    pub(crate) stopped: CancellationToken,
    /// How many futures have received SIGTERM and let the server continue for a moment.
    departures: AtomicUsize,
}

/// Announces the end of one listener to what came through it. Its requests have it as an extension.
#[derive(Debug, Clone)]
pub(crate) struct ListenerEnd(pub(crate) CancellationToken);

/// A shutdown that begins soon. Until it is dropped, the server is not ready for new clients, but accepts them.
#[must_use = "the server is ready again when this is dropped"]
pub(crate) struct Departure<'a>(&'a Lifecycle);

impl Drop for Departure<'_> {
    fn drop(&mut self) {
        self.0.departures.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        let tasks = Tasks::default();
        Self {
            server: ServerId::next(),
            background: tasks.separate(),
            tasks,
            changes: TaskTracker::new(),
            stopping: CancellationToken::new(),
            stopped: CancellationToken::new(),
            departures: AtomicUsize::new(0),
        }
    }
}

impl Lifecycle {
    /// Whether a load balancer may send clients.
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_stopping() && self.departures.load(Ordering::Relaxed) == 0
    }

    /// Announces a shutdown that begins soon.
    pub(crate) fn announce_departure(&self) -> Departure<'_> {
        self.departures.fetch_add(1, Ordering::Relaxed);
        Departure(self)
    }

    /// What announces the end of a request's listener, or of the server if another server listens.
    pub(crate) fn end_of(&self, request: &Extensions) -> CancellationToken {
        match request.get() {
            Some(ListenerEnd(end)) => end.clone(),
            None => self.stopping.clone(),
        }
    }

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
