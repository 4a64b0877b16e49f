//! Upgrades an HTTP request to a WebSocket, or rejects it before that.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::time::Instant;

use super::address_quota::{AddressQuota, AddressSlot};
use super::{handshake, raw};
use crate::connection::Handshake;
use crate::origin;
use crate::runtime::Core;
use crate::transport::socket::{self, Opening};

/// When a connection was accepted. Headers, upgrade and authentication share one deadline. The accept loop adds it to a
/// connection's first request. A server that the router is mounted in does not.
#[derive(Debug, Clone, Copy)]
pub(super) struct AcceptedAt(pub(super) Instant);

#[derive(Clone)]
pub(super) struct RouterState {
    pub(super) core: Arc<Core>,
    pub(super) addresses: Arc<AddressQuota>,
}

/// Answers a request that opens a WebSocket, and serves the connection in its own task.
pub(super) async fn upgrade(State(state): State<RouterState>, mut request: Request) -> Response {
    let RouterState { core, addresses } = state;
    let switching = match handshake::answer(&request) {
        Ok(switching) => switching,
        Err(rejection) => return rejection.into_response(),
    };
    if !may_connect(&core, request.headers()) {
        return (StatusCode::FORBIDDEN, "this origin is not allowed to connect").into_response();
    }
    if core.lifecycle.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping").into_response();
    }
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(peer)| *peer);
    let slot = match peer {
        Some(peer) => match AddressQuota::reserve(&addresses, peer.ip(), core.limits.connections_per_address) {
            Some(slot) => Some(slot),
            None => return (StatusCode::TOO_MANY_REQUESTS, "too many connections from this address").into_response(),
        },
        None => None,
    };
    let accepted = request
        .extensions()
        .get::<AcceptedAt>()
        .map_or_else(Instant::now, |accepted| accepted.0);
    let connect_by = accepted + core.limits.connect_deadline;
    let opening = Opening {
        presented: presented(&core, &request, peer),
        peer,
        connect_by,
    };
    let upgraded = hyper::upgrade::on(&mut request);
    let task = serve_upgraded(Arc::clone(&core), upgraded, opening, slot);
    core.lifecycle.tasks.spawn(task);
    switching
}

/// Whether the origin of a request may open a connection.
fn may_connect(core: &Core, headers: &HeaderMap) -> bool {
    let allowed = origin::may_connect(
        headers.get(ORIGIN).map(HeaderValue::as_bytes),
        headers.get(HOST).map(HeaderValue::as_bytes),
        &core.http.allowed_origins,
    );
    // A second `Origin` header could have any value.
    if allowed && headers.get_all(ORIGIN).iter().count() <= 1 {
        return true;
    }
    core.log(
        || tracing::warn!(origin = ?headers.get(ORIGIN), "rejected an upgrade from an origin that is not allowed"),
    );
    false
}

/// The request's credentials for `authenticate`. Without the hook, nothing reads them.
fn presented(core: &Core, request: &Request, peer: Option<SocketAddr>) -> Option<Box<Handshake>> {
    (!core.hooks.authenticate.is_empty()).then(|| {
        Box::new(Handshake {
            headers: detached(request.headers()),
            query: request.uri().query().map(str::to_owned),
            peer,
            ..Handshake::new(Value::Null)
        })
    })
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
                core.log(|| tracing::debug!(%error, "an upgrade failed"));
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
