//! One HTTP connection: its requests, its deadlines, and its end.

use std::convert::Infallible;
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
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::handshake::has_token;
use super::http_socket::HttpSocket;
use super::request_clock::RequestClock;
use super::request_framing::BodyFraming;
use super::stall::WriteStall;
use super::upgrade::{BeganAt, Logged, log_refused};
use crate::logger::shown;
use crate::runtime::{Core, Involved, ListenerEnd, log_line};

/// How long a response waits for a client that does not read, unless the server is stopping. A browser also stops reading
/// while the media that it plays is paused.
pub(in crate::transport) const HTTP_WRITE_DEADLINE: Duration = Duration::from_secs(60);

/// Serves the requests on one HTTP connection until it ends or is upgraded.
/// `closing` announces the end of its listener, or of the server.
pub(in crate::transport) async fn http_connection<S>(
    core: Arc<Core>,
    socket: S,
    peer: SocketAddr,
    app: axum::Router,
    closing: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stall, requests) = (WriteStall::default(), RequestClock::new(&core.limits));
    let service = service_fn(handler(&core, peer, app, requests.clone(), closing.clone()));
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
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                served = connection.as_mut() => served,
                () = stall.exceeds(core.limits.write_deadline) => return,
                () = core.lifecycle.stopped() => return,
                // The server may go on without this listener.
                () = sleep(core.limits.drain_deadline) => return,
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
    closing: CancellationToken,
) -> impl Fn(hyper::Request<Incoming>) -> Either<RouteFuture<Infallible>, Watched> {
    move |mut request| {
        let began = requests.head_was_read(framing_of(request.body()));
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(BeganAt(began));
        request.extensions_mut().insert(ListenerEnd(closing.clone()));
        let upgrade = has_token(request.headers(), &UPGRADE, "websocket").then(|| request.uri().clone());
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

/// The answer to a request that asks for a WebSocket.
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
pub(super) fn nothing_at(uri: &Uri, base: &str) -> String {
    let path = shown(uri.path(), 100);
    format!("there is nothing at `{path}`: the WebSocket is at `{base}/ws`, unless another server has moved it")
}
