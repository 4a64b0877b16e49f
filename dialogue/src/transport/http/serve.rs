//! Listening, and the end of it: the accept loop, signals and the drain.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::routing::future::RouteFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Instant, sleep};
use tower_service::Service;

use super::signals::Signals;
use super::stall::{MonitoredSocket, WriteStall};
use super::upgrade::AcceptedAt;
use crate::error::Error;
use crate::runtime::{Core, Dialogue};

/// The pause after the system had no more file descriptors: clients that are in stay, and some may leave.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections may wait to be accepted. When a server restarts, all its clients come back within a second or two;
/// whoever finds no place tries again only after a second. The system may allow less.
const BACKLOG: u32 = 4096;

/// How long a response waits for a client that reads nothing of it, as long as the server is not stopping. A browser stops
/// reading, too, when what it plays is paused.
pub(in crate::transport) const HTTP_WRITE_DEADLINE: Duration = Duration::from_secs(60);

impl Dialogue {
    /// Listens on an address in the background and returns the address that was bound, which tells the port where 0 was
    /// asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] if the address cannot be listened on, [`Error::Stopped`] after [`stop`](Self::stop).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it listens or it does not; there is nothing in between.
    pub async fn start(&self, address: impl Into<SocketAddr>) -> Result<SocketAddr, Error> {
        self.start_router(address, self.router()).await
    }

    /// The same with the application's own routes: `app` should have [`router()`](Self::router) merged into it.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn start_router(&self, address: impl Into<SocketAddr>, app: axum::Router) -> Result<SocketAddr, Error> {
        if self.core.lifecycle.is_stopping() {
            return Err(Error::Stopped);
        }
        let address = address.into();
        let bind = |source| Error::Bind { address, source };
        let listener = listen(address).map_err(bind)?;
        let bound = listener.local_addr().map_err(bind)?;
        self.core
            .lifecycle
            .tasks
            .spawn(accept(Arc::clone(&self.core), listener, app));
        self.core.log(|| tracing::info!(address = %bound, "listening"));
        Ok(bound)
    }

    /// Listens on an address until SIGTERM or Ctrl-C, then drains as [`stop`](Self::stop) does. A second signal ends the
    /// drain at once.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start) and [`stop`](Self::stop).
    pub async fn serve(&self, address: impl Into<SocketAddr>) -> Result<(), Error> {
        self.serve_router(address, self.router()).await
    }

    /// The same with the application's own routes: `app` should have [`router()`](Self::router) merged into it.
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    pub async fn serve_router(&self, address: impl Into<SocketAddr>, app: axum::Router) -> Result<(), Error> {
        self.start_router(address, app).await?;
        self.stop_on_signal().await
    }

    /// Waits for SIGTERM or Ctrl-C, then drains as [`stop`](Self::stop) does; a second signal ends the drain at once. What
    /// [`serve`](Self::serve) does after [`start`](Self::start).
    ///
    /// Signals are listened for from the call on (on systems other than Unix, from the first time that the future is polled),
    /// and no longer end the process by themselves. So call it before you tell anybody that the server runs, and await what it
    /// returns after:
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
    /// As [`stop`](Self::stop), and [`Error::Io`] if signals cannot be listened for.
    pub fn stop_on_signal(&self) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        let (dialogue, signals) = (self.clone(), Signals::new());
        async move { dialogue.stop_at_next(signals?).await }
    }

    async fn stop_at_next(&self, mut signals: Signals) -> Result<(), Error> {
        tokio::select! {
            () = signals.next() => {}
            // Somebody else stops it.
            () = self.core.lifecycle.stopping() => {}
        }
        tokio::select! {
            drained = self.stop() => drained,
            () = signals.next() => {
                self.core.lifecycle.stopped.cancel();
                Ok(())
            }
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // So that a restart need not wait for the connections of the last run to be forgotten. Elsewhere it means to share.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    #[cfg(target_os = "linux")]
    super::descriptors::make_room(&socket);
    socket.listen(BACKLOG)
}

async fn accept(core: Arc<Core>, listener: TcpListener, app: axum::Router) {
    loop {
        let accepted = tokio::select! {
            () = core.lifecycle.stopping() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => {
                // Frames are whole messages; to wait for more of them would only delay them.
                let _ = socket.set_nodelay(true);
                let task = http_connection(Arc::clone(&core), socket, peer, app.clone());
                core.lifecycle.tasks.spawn(task);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                core.log(|| tracing::error!(%error, "accepting failed; it will be tried again"));
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether an error of `accept` is about the connection that was to be accepted, and says nothing of the next.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Serves the requests of one HTTP connection, until it ends or is upgraded.
pub(in crate::transport) async fn http_connection<S>(core: Arc<Core>, socket: S, peer: SocketAddr, app: axum::Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(handler(peer, app));
    let stall = WriteStall::default();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(core.limits.connect_deadline)
        .serve_connection(TokioIo::new(MonitoredSocket::new(socket, stall.clone())), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        biased;
        served = connection.as_mut() => served,
        () = stall.exceeds(HTTP_WRITE_DEADLINE) => return,
        () = core.lifecycle.stopping() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                served = connection.as_mut() => served,
                () = stall.exceeds(core.limits.write_deadline) => return,
                () = core.lifecycle.stopped() => return,
            }
        }
    };
    if let Err(error) = served {
        core.log(|| tracing::debug!(%error, "an HTTP connection ended"));
    }
}

/// Passes each request of a connection to the application, with what is known of the connection.
fn handler(peer: SocketAddr, app: axum::Router) -> impl Fn(hyper::Request<Incoming>) -> RouteFuture<Infallible> {
    // Of the first request only: a proxy may upgrade a connection that it has used for others for an hour.
    let accepted = Cell::new(Some(AcceptedAt(Instant::now())));
    move |mut request| {
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some(accepted) = accepted.take() {
            request.extensions_mut().insert(accepted);
        }
        app.clone().call(request.map(axum::body::Body::new))
    }
}
