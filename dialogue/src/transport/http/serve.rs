//! The methods that serve a program until a signal.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{StatusCode, Uri};
use tokio::time::sleep;

use super::connection::nothing_at;
use super::listener::OpenListener;
use super::signals::{ProcessSignals, StopSignal, StopSignals};
use crate::error::Error;
use crate::runtime::{Dialogue, Lifecycle};

impl Dialogue {
    /// Listens on an address in the background, until [`stop`](Self::stop). Returns the bound address, which has the actual
    /// port if port 0 was requested. A server that listens lives on even if the program drops every [`Dialogue`].
    ///
    /// With a cluster, this does not wait for the first contact with it. Until then, the server refuses clients, and
    /// `{base}/ready` answers 503. If somebody must repair the cluster first, it stays so, and the log says why.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] if the server cannot listen on the address. [`Error::Stopped`] after [`stop`](Self::stop).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the server either listens or does not. There is no state in between.
    pub async fn start(&self, address: impl Into<SocketAddr>) -> Result<SocketAddr, Error> {
        self.start_router(address, self.default_app()).await
    }

    /// Does the same as [`start`](Self::start) for an application with its own routes. Merge [`router()`](Self::router)
    /// into `app`.
    ///
    /// # Errors
    ///
    /// The same as [`start`](Self::start).
    pub async fn start_router(&self, address: impl Into<SocketAddr>, app: axum::Router) -> Result<SocketAddr, Error> {
        let (bound, listener) = self.listen(address.into(), app)?;
        listener.keep_open();
        Ok(bound)
    }

    /// Listens until the returned value is dropped.
    fn listen(&self, address: SocketAddr, app: axum::Router) -> Result<(SocketAddr, OpenListener), Error> {
        if self.core.lifecycle.is_stopping() {
            return Err(Error::Stopped);
        }
        let bind = |source| Error::Bind { address, source };
        let (bound, listener) = OpenListener::bind(address, &self.core.lifecycle).map_err(bind)?;
        let accepting = listener.accept(Arc::clone(&self.core), app);
        self.core.lifecycle.tasks.note_runtime();
        self.core.lifecycle.tasks.spawn(accepting);
        self.core.log(|| tracing::info!(address = %bound, "listening"));
        Ok((bound, listener))
    }

    fn default_app(&self) -> axum::Router {
        let base = self.core.http.base_path.clone();
        let elsewhere = move |uri: Uri| std::future::ready((StatusCode::NOT_FOUND, nothing_at(&uri, &base)));
        self.router().fallback(elsewhere)
    }

    /// Listens on an address until SIGTERM or Ctrl-C, then shuts down gracefully as [`stop`](Self::stop) does. After
    /// SIGTERM, the server continues for [`Limits::ready_delay`](crate::Limits::ready_delay) (3 s by default) before the
    /// shutdown, while `{base}/ready` answers 503. A second signal ends the server at once.
    ///
    /// # Errors
    ///
    /// The same as [`start`](Self::start) and [`stop`](Self::stop). [`Error::Cluster`] if the server has a cluster that somebody
    /// must repair first. While the cluster cannot be reached, this waits, and refuses clients.
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped, nothing listens on the address any more. The connections that came through it are closed
    /// with 1012, and their clients reconnect. The server lives on, and can serve again. If the shutdown has begun, it
    /// continues, but it does not force an end at the deadline.
    pub async fn serve(&self, address: impl Into<SocketAddr>) -> Result<(), Error> {
        self.serve_router(address, self.default_app()).await
    }

    /// Does the same as [`serve`](Self::serve) for an application with its own routes. Merge [`router()`](Self::router)
    /// into `app`.
    ///
    /// # Errors
    ///
    /// The same as [`serve`](Self::serve).
    ///
    /// # Cancel safety
    ///
    /// The same as [`serve`](Self::serve). A response of one of your own routes has
    /// [`Limits::drain_deadline`](crate::Limits::drain_deadline) to end.
    pub async fn serve_router(&self, address: impl Into<SocketAddr>, app: axum::Router) -> Result<(), Error> {
        self.must_be_outside()?;
        // Closed when this future is dropped.
        let (_, _listener) = self.listen(address.into(), app)?;
        tokio::select! {
            stopped = self.stop_on_signal() => stopped,
            reason = self.core.first_contact.unfit() => Err(Error::Cluster(reason)),
        }
    }

    /// Waits for SIGTERM or Ctrl-C, then shuts down gracefully as [`stop`](Self::stop) does. After SIGTERM, the server
    /// continues for [`Limits::ready_delay`](crate::Limits::ready_delay) (3 s by default) before the shutdown, while
    /// `{base}/ready` answers 503. A second signal ends the server at once. [`serve`](Self::serve) does the same after
    /// [`start`](Self::start).
    ///
    /// The call itself registers for the signals, which no longer end the process from then on. On systems other than
    /// Unix, the first poll of the future does. Therefore, call it before you announce that the server is running, and
    /// await the returned future afterwards:
    ///
    /// ```no_run
    /// # async fn example(dialogue: dialogue::Dialogue) -> Result<(), Box<dyn std::error::Error>> {
    /// let address = dialogue.start(([127, 0, 0, 1], 0)).await?;
    /// let stopped = dialogue.stop_on_signal();
    /// println!("listening on {address}");
    /// stopped.await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The same as [`stop`](Self::stop), and [`Error::Io`] if the signals cannot be registered.
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped before the shutdown has begun, the server continues, and is ready again. If it has begun,
    /// it continues, but it does not force an end at the deadline. In both cases, the signals still do not end the process.
    pub fn stop_on_signal(&self) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        let (dialogue, signals) = (self.clone(), ProcessSignals::new());
        async move { dialogue.stop_at_next(signals?).await }
    }

    pub(in crate::transport) async fn stop_at_next(&self, mut signals: impl StopSignals) -> Result<(), Error> {
        self.must_be_outside()?;
        let Lifecycle { stopping, stopped, .. } = &self.core.lifecycle;
        let signal = tokio::select! {
            signal = signals.next() => Some(signal),
            // The application stops the server.
            () = stopping.cancelled() => None,
        };
        // Kept until the shutdown has begun. If this future is dropped before, the server continues.
        let mut departure = None;
        let mut is_urgent = false;
        let delay = self.core.limits.ready_delay;
        if signal == Some(StopSignal::Terminate) && !delay.is_zero() {
            departure = Some(self.core.lifecycle.announce_departure());
            self.core
                .log(|| tracing::info!(?delay, "received SIGTERM; the shutdown begins after the delay"));
            is_urgent = tokio::select! {
                () = sleep(delay) => false,
                () = stopping.cancelled() => false,
                _ = signals.next() => true,
            };
        }
        let drained = tokio::select! {
            biased;
            drained = self.stop() => drained,
            () = std::future::ready(()), if is_urgent => {
                stopped.cancel();
                Ok(())
            }
            _ = signals.next() => {
                stopped.cancel();
                Ok(())
            }
        };
        drop(departure);
        drained
    }
}
