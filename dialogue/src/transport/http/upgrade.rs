//! Upgrades an HTTP request to a WebSocket, or rejects it before that.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{ORIGIN, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::handshake::{self, Rejection};
use super::raw;
use crate::connection::{AddressSlot, Handshake};
use crate::origin;
use crate::runtime::{Core, Involved, WebOrigin, log_line};
use crate::transport::socket::{self, Opening};

/// Proxies name the host of the original request in it. So could any client: it opens nothing, and only helps to find a
/// mistake.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// When a request began: with its first byte, or for the first one, when its connection was accepted. Headers, upgrade and
/// authentication share one deadline. A server that the router is mounted in does not say when.
#[derive(Debug, Clone, Copy)]
pub(super) struct BeganAt(pub(super) Instant);

/// Marks a response whose refusal has been logged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logged;

/// Answers a request that opens a WebSocket, and serves the connection in its own task.
pub(super) async fn upgrade(State(core): State<Arc<Core>>, request: Request) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(peer)| *peer);
    open(&core, request, peer)
        .await
        .unwrap_or_else(|rejection| rejection.log(&core, peer))
}

/// Checks a request, and starts the connection. Returns the response that opens the WebSocket.
async fn open(core: &Arc<Core>, mut request: Request, peer: Option<SocketAddr>) -> Result<Response, Rejection> {
    let began = request.extensions().get::<BeganAt>();
    let connect_by = began.map_or_else(Instant::now, |began| began.0) + core.limits.connect_deadline;
    let closing = core.lifecycle.end_of(request.extensions());
    let switching = check(core, &request)?;
    let unknown = check_origin(core, &request, peer)?;
    check_closing(&closing)?;
    let slot = peer.map(|peer| reserve(core, peer)).transpose()?;
    if let Some(origin) = unknown {
        Box::pin(ask_about(core, origin, connect_by)).await?;
        check_closing(&closing)?;
    }
    let opening = Opening {
        presented: (!core.hooks.authenticate.is_empty()).then(|| Box::new(presented(&request, peer))),
        peer,
        connect_by,
        closing,
    };
    let upgraded = hyper::upgrade::on(&mut request);
    let task = serve_upgraded(Arc::clone(core), upgraded, opening, slot);
    core.lifecycle.tasks.spawn(task);
    Ok(switching)
}

/// Checks everything about a request but its origin. Returns the response that opens the WebSocket.
fn check(core: &Core, request: &Request) -> Result<Response, Rejection> {
    let switching = handshake::answer(request)?;
    let limit = core.limits.header_bytes;
    if header_bytes(request) > limit {
        let reason = format!(
            "the headers of the upgrade are too large (header_bytes = {limit}): send fewer or shorter cookies, or raise \
             the limit"
        );
        return Err(Rejection::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, reason));
    }
    Ok(switching)
}

fn check_closing(closing: &CancellationToken) -> Result<(), Rejection> {
    if closing.is_cancelled() {
        let reason = "the server is stopping: reconnect after a short wait";
        return Err(Rejection::new(StatusCode::SERVICE_UNAVAILABLE, reason));
    }
    Ok(())
}

/// Counts one more connection of an address.
fn reserve(core: &Core, peer: SocketAddr) -> Result<AddressSlot, Rejection> {
    let slot = core.clients.addresses.reserve(peer.ip());
    slot.ok_or_else(|| too_many(peer, core.limits.connections_per_address))
}

fn too_many(peer: SocketAddr, quota: Option<usize>) -> Rejection {
    let reason = format!(
        "too many connections from {} (connections_per_address = {}): close one of them; behind a proxy, all \
         connections come from its address, so limit them there",
        peer.ip().to_canonical(),
        quota.unwrap_or_default()
    );
    Rejection::new(StatusCode::TOO_MANY_REQUESTS, reason)
}

/// Checks that the origin of a request may open a connection. Returns an origin that the application decides about.
fn check_origin(core: &Core, request: &Request, peer: Option<SocketAddr>) -> Result<Option<WebOrigin>, Rejection> {
    let headers = request.headers();
    let host = origin::host_of(request.uri(), headers);
    let origins: Vec<_> = headers.get_all(ORIGIN).iter().map(HeaderValue::as_bytes).collect();
    let allowed = origin::may_connect(origins.first().copied(), host, &core.http.allowed_origins);
    // A second `Origin` header could have any value.
    if allowed && origins.len() <= 1 {
        return Ok(None);
    }
    if let [origin] = origins[..]
        && !core.hooks.check_origin.is_empty()
        && let Some(text) = std::str::from_utf8(origin).ok().and_then(origin::normal)
    {
        let request = presented(request, peer);
        return Ok(Some(WebOrigin { text, request }));
    }
    let forwarded_host = headers.get(FORWARDED_HOST).map(HeaderValue::as_bytes);
    let reason = origin::explain(&origins, host, forwarded_host);
    Err(Rejection::new(StatusCode::FORBIDDEN, reason))
}

/// Asks the application whether a page of this origin may connect.
async fn ask_about(core: &Core, origin: WebOrigin, connect_by: Instant) -> Result<(), Rejection> {
    let involved = Involved::peer(origin.request.peer);
    for hook in core.hooks.check_origin.of(None) {
        let left = connect_by.saturating_duration_since(Instant::now());
        let run = core.contain_hook(core.limits.hook_deadline.min(left), || (hook.run)(origin.clone()));
        let answer = core.reported(hook.name, involved, run).await;
        answer.map_err(|error| match error.refusal() {
            Some(refusal) => {
                let reason = format!("pages of `{origin}` may not connect: {}", refusal.reason());
                Rejection::new(StatusCode::FORBIDDEN, reason)
            }
            None => {
                let reason = format!("whether pages of `{origin}` may connect could not be checked: try again later");
                Rejection::new(StatusCode::SERVICE_UNAVAILABLE, reason).with(RETRY_AFTER, "1")
            }
        })?;
    }
    Ok(())
}

impl Rejection {
    /// Logs the rejection, and makes the response.
    fn log(self, core: &Core, peer: Option<SocketAddr>) -> Response {
        log_refused(core, peer, self.status, &self.reason);
        let mut response = self.into_response();
        response.extensions_mut().insert(Logged);
        response
    }
}

/// Logs that an upgrade was refused. A page of a foreign origin is a mistake of the operator more often than an attack.
pub(super) fn log_refused(core: &Core, peer: Option<SocketAddr>, status: StatusCode, reason: &str) {
    let (involved, kind) = (Involved::peer(peer), status.canonical_reason().unwrap_or_default());
    let code = status.as_u16();
    if status == StatusCode::FORBIDDEN {
        log_line!(WARN, *core, involved, kind, { status = code, %reason, }, "refused an upgrade");
    } else {
        log_line!(INFO, *core, involved, kind, { status = code, %reason, }, "refused an upgrade");
    }
}

/// The size of a request's headers and of its target, about as on the wire.
fn header_bytes(request: &Request) -> usize {
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let target = target + uri.authority().map_or(0, |authority| authority.as_str().len());
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    target + headers.sum::<usize>()
}

/// What a request presents to hooks.
fn presented(request: &Request, peer: Option<SocketAddr>) -> Handshake {
    Handshake {
        headers: origin::with_host(detached(request.headers()), request.uri()),
        query: request.uri().query().map(str::to_owned),
        peer,
        ..Handshake::new(Value::Null)
    }
}

/// Serves the connection once it is upgraded. Holds `slot` until the connection has ended.
#[expect(
    clippy::manual_async_fn,
    reason = "the future of an async fn has space for each argument twice"
)]
fn serve_upgraded(
    core: Arc<Core>,
    upgraded: OnUpgrade,
    opening: Opening,
    slot: Option<AddressSlot>,
) -> impl Future<Output = ()> + Send {
    async move {
        let _slot = slot;
        let socket = match tokio::time::timeout_at(opening.connect_by, upgraded).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => {
                log_line!(DEBUG, *core, Involved::peer(opening.peer), "", { %error, }, "an upgrade failed");
                return;
            }
            Err(_) => return,
        };
        match raw::halves(socket) {
            Ok(halves) => socket::serve_until_stopped(core, halves, opening).await,
            Err(socket) => {
                let halves = tokio::io::split(TokioIo::new(socket));
                // Boxed, so that the future of a usual connection has no space for it.
                Box::pin(socket::serve_until_stopped(core, halves, opening)).await;
            }
        }
    }
}

/// Copies the headers. The original values are slices of the 8 KiB buffer that the whole request was read into. Each of
/// them would keep the buffer for as long as the connection lasts.
fn detached(headers: &HeaderMap) -> HeaderMap {
    let mut detached = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let copied = HeaderName::from_bytes(name.as_str().as_bytes())
            .ok()
            .zip(HeaderValue::from_bytes(value.as_bytes()).ok());
        if let Some((name, mut copy)) = copied {
            copy.set_sensitive(value.is_sensitive());
            detached.append(name, copy);
        }
    }
    detached
}
