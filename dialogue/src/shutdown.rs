//! The method that stops a server. It returns the error of a whole program, which the `runtime` module does not know.

use crate::error::Error;
use crate::runtime::{Dialogue, EndedByForce, stop};

impl Dialogue {
    /// Stops the server gracefully and returns when every task has ended. The server refuses new connections, sends all
    /// queued frames, and closes every connection with 1012, so that clients reconnect. Then it waits for hooks and
    /// handlers to end, and passes the history in memory to `on_history_evicted`.
    ///
    /// The last sixth of [`Limits::drain_deadline`](crate::Limits::drain_deadline) is reserved for the history. You may
    /// call `stop` more than once; every call waits for the same end.
    ///
    /// # Errors
    ///
    /// [`Error::DrainTimedOut`] if tasks were still running at
    /// [`Limits::drain_deadline`](crate::Limits::drain_deadline). The server has ended them by force.
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped, the server still stops, but it does not force an end at the deadline.
    pub async fn stop(&self) -> Result<(), Error> {
        stop(&self.core)
            .await
            .map_err(|EndedByForce { remaining }| Error::DrainTimedOut { remaining })
    }
}
