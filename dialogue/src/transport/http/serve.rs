//! Listens on an address, accepts connections, serves HTTP on them, and stops on a signal.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use futures_util::future::Either;
use http::header::UPGRADE;
use http::{StatusCode, Uri};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::sleep;
use tower_service::Service;

use super::http_socket::HttpSocket;
use super::request_clock::RequestClock;
use super::request_framing::BodyFraming;
use super::signals::{ProcessSignals, StopSignal, StopSignals};
use super::stall::WriteStall;
use super::upgrade::{BeganAt, Logged, log_refused};
use crate::error::Error;
use crate::logger::shown;
use crate::runtime::{Core, Dialogue, Involved, Lifecycle, log_line};

/// How long the accept loop pauses when the system has run out of file descriptors. Connected clients stay, and some may
/// disconnect in the meantime.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections may wait to be accepted. When a server restarts, all its clients reconnect within a second or
/// two. A client that finds the backlog full retries only after a second. The system may have a lower limit.
const BACKLOG: u32 = 4096;

/// How long a response waits for a client that does not read, unless the server is stopping. A browser also stops reading
/// while the media that it plays is paused.
pub(in crate::transport) const HTTP_WRITE_DEADLINE: Duration = Duration::from_secs(60);

impl Dialogue {
    /// Listens on an address in the background. Returns the bound address, which has the actual port if port 0 was
    /// requested.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] if the server cannot listen on the address. [`Error::Stopped`] after [`stop`](Self::stop).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the server either listens or does not. There is no state in between.
    pub async fn start(&self, address: impl Into<SocketAddr>) -> Result<SocketAddr, Error> {
        let base = self.core.http.base_path.clone();
        let elsewhere = move |uri: Uri| std::future::ready((StatusCode::NOT_FOUND, nothing_at(&uri, &base)));
        self.start_router(address, self.router().fallback(elsewhere)).await
    }

    /// Does the same as [`start`](Self::start) for an application with its own routes. Merge [`router()`](Self::router)
    /// into `app`.
    ///
    /// # Errors
    ///
    /// The same as [`start`](Self::start).
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

    /// Listens on an address until SIGTERM or Ctrl-C, then shuts down gracefully as [`stop`](Self::stop) does. After
    /// SIGTERM, the server continues for [`Limits::ready_delay`](crate::Limits::ready_delay) (3 s by default) before the
    /// shutdown, while `{base}/ready` answers 503. A second signal ends the server at once.
    ///
    /// # Errors
    ///
    /// The same as [`start`](Self::start) and [`stop`](Self::stop).
    pub async fn serve(&self, address: impl Into<SocketAddr>) -> Result<(), Error> {
        self.start(address).await?;
        self.stop_on_signal().await
    }

    /// Does the same as [`serve`](Self::serve) for an application with its own routes. Merge [`router()`](Self::router)
    /// into `app`.
    ///
    /// # Errors
    ///
    /// The same as [`serve`](Self::serve).
    pub async fn serve_router(&self, address: impl Into<SocketAddr>, app: axum::Router) -> Result<(), Error> {
        self.start_router(address, app).await?;
        self.stop_on_signal().await
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
    pub fn stop_on_signal(&self) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        let (dialogue, signals) = (self.clone(), ProcessSignals::new());
        async move { dialogue.stop_at_next(signals?).await }
    }

    pub(in crate::transport) async fn stop_at_next(&self, mut signals: impl StopSignals) -> Result<(), Error> {
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

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restarted server need not wait until the system forgets the connections of the last run. On other systems, the
    // option would let two servers share the address.
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
                // Each frame is a complete message, so waiting for more data would only delay it.
                let _ = socket.set_nodelay(true);
                let task = http_connection(Arc::clone(&core), socket, peer, app.clone());
                core.lifecycle.tasks.spawn(task);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                let involved = Involved::default();
                log_line!(ERROR, *core, involved, "", { %error, }, "accepting a connection failed; retrying");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether an error of `accept` concerns only the connection that would have been accepted, and not the next one.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Serves the requests on one HTTP connection until it ends or is upgraded.
pub(in crate::transport) async fn http_connection<S>(core: Arc<Core>, socket: S, peer: SocketAddr, app: axum::Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stall, requests) = (WriteStall::default(), RequestClock::new(&core.limits));
    let service = service_fn(handler(&core, peer, app, requests.clone()));
    let socket = HttpSocket::new(socket, stall.clone(), requests.clone());
    let connection = http1::Builder::new()
        .keep_alive(!core.limits.keep_alive.is_zero())
        .timer(requests.clone())
        // The timer decides how long it really is.
        .header_read_timeout(core.limits.connect_deadline)
        .serve_connection(TokioIo::new(socket), service)
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
    if let Err(error) = served
        && !requests.is_idle()
    {
        log_line!(DEBUG, *core, Involved::peer(Some(peer)), "", { %error, }, "an HTTP connection failed");
    }
}

/// Passes each request on a connection to the application, and adds what the server knows about the connection.
fn handler(
    core: &Arc<Core>,
    peer: SocketAddr,
    app: axum::Router,
    requests: RequestClock,
) -> impl Fn(hyper::Request<Incoming>) -> Either<RouteFuture<Infallible>, Watched> {
    move |mut request| {
        let began = requests.head_was_read(framing_of(request.body()));
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(BeganAt(began));
        let upgrade = request.headers().contains_key(UPGRADE).then(|| request.uri().clone());
        let answer = app.clone().call(request.map(axum::body::Body::new));
        match upgrade {
            None => Either::Left(answer),
            Some(uri) => Either::Right(Box::pin(watched(Arc::clone(core), peer, uri, answer))),
        }
    }
}

fn framing_of(body: &Incoming) -> BodyFraming {
    match body.size_hint().exact() {
        Some(length) => BodyFraming::Sized(length),
        None => BodyFraming::Chunked,
    }
}

/// The answer to a request that asks for an upgrade.
type Watched = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// Logs an upgrade that the application has refused, such as one to a wrong path. Dialogue's own refusals have been logged.
async fn watched(
    core: Arc<Core>,
    peer: SocketAddr,
    uri: Uri,
    answer: RouteFuture<Infallible>,
) -> Result<Response, Infallible> {
    let response = answer.await?;
    let status = response.status();
    if status != StatusCode::SWITCHING_PROTOCOLS && response.extensions().get::<Logged>().is_none() {
        let reason = match status {
            StatusCode::NOT_FOUND => nothing_at(&uri, &core.http.base_path),
            _ => "the application refused it".to_owned(),
        };
        log_refused(&core, Some(peer), status, &reason);
    }
    Ok(response)
}

/// The text about a path without a route.
fn nothing_at(uri: &Uri, base: &str) -> String {
    let path = shown(uri.path(), 100);
    format!("there is nothing at `{path}`: the WebSocket is at `{base}/ws`, unless another server has moved it")
}
