//! The method that stops a server. It returns the error of a whole program, which the `runtime` module does not know.

use crate::error::Error;
use crate::runtime::{Dialogue, EndedByForce, is_inside, stop};

impl Dialogue {
    /// Stops the server gracefully and returns when every task has ended. The server refuses new connections, sends all
    /// queued frames, and closes every connection with 1012, so that clients reconnect. Then it waits for hooks and
    /// handlers to end, and passes the history in memory to `on_history_evicted`.
    ///
    /// The last sixth of [`Limits::drain_deadline`](crate::Limits::drain_deadline) is reserved for the history. You may
    /// call `stop` more than once; every call waits for the same end.
    ///
    /// The shutdown waits for hooks, for handlers, and for your routes if [`start_router`](Self::start_router) serves them.
    /// They can therefore not wait for `stop`. To stop the server from there, call `stop` in a task of its own
    /// (`tokio::spawn`), and return.
    ///
    /// # Errors
    ///
    /// [`Error::StopInHook`] in a hook, a handler or a route of this server. Nothing has been stopped then.
    ///
    /// [`Error::DrainTimedOut`] if tasks were still running at
    /// [`Limits::drain_deadline`](crate::Limits::drain_deadline). The server has ended them by force.
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped, the server still stops, but it does not force an end at the deadline.
    pub async fn stop(&self) -> Result<(), Error> {
        self.must_be_outside()?;
        stop(&self.core)
            .await
            .map_err(|EndedByForce { remaining }| Error::DrainTimedOut { remaining })
    }

    /// Fails in code that the server waits for when it stops.
    pub(crate) fn must_be_outside(&self) -> Result<(), Error> {
        match is_inside(self.core.lifecycle.server) {
            true => Err(Error::StopInHook),
            false => Ok(()),
        }
    }
}
