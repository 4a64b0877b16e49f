//! The call that stops a server. It returns the error of a whole program, which the runtime does not know.

use crate::error::Error;
use crate::runtime::{Dialogue, EndedByForce, stop};

impl Dialogue {
    /// Stops the server gracefully. It refuses new connections, sends what is queued, and closes every connection with 1012,
    /// on which clients reconnect. Then it lets hooks and handlers end, and passes the history in memory to
    /// `on_history_evicted`. It returns when every task has ended.
    ///
    /// The last sixth of [`Limits::drain_deadline`](crate::Limits::drain_deadline) is reserved for the history. `stop` may be
    /// called more than once; each call waits for the same end.
    ///
    /// # Errors
    ///
    /// [`Error::DrainTimedOut`] if something still ran at [`Limits::drain_deadline`](crate::Limits::drain_deadline). It has been
    /// ended by force.
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped, the server still stops, but nothing forces an end at the deadline.
    pub async fn stop(&self) -> Result<(), Error> {
        stop(&self.core)
            .await
            .map_err(|EndedByForce { remaining }| Error::DrainTimedOut { remaining })
    }
}
