//! From an HTTP request to a connection: the router, and who is turned away before the upgrade.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;

use super::documents::document;
use super::{handshake, raw};
use crate::connection::Handshake;
use crate::contract;
use crate::origin;
use crate::runtime::{Core, Dialogue};
use crate::transport::socket;

/// The client for browsers and Node, as the npm package has it.
const CLIENT_JS: &str = include_str!("../../../npm/client.js");

/// Where that finds the socket, on the origin of its page, unless it is told.
const DEFAULT_SOCKET_PATH: &str = "\"/dialogue/ws\"";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// When a connection was accepted: headers, upgrade and authentication share one deadline. Put into a connection's first
/// request by the serve loop; a server that the router is mounted in does not.
#[derive(Debug, Clone, Copy)]
pub(super) struct AcceptedAt(pub(super) Instant);

impl Dialogue {
    /// The routes of this server, to be served alone or merged into the application's own `axum::Router`:
    ///
    /// - `GET {base}/ws`: the WebSocket, `/dialogue/ws` by default;
    /// - `GET {base}/ready`: 200 while the server takes connections, 503 once it is stopping;
    /// - `GET {base}/client.d.ts`: the rooms as [TypeScript](crate::RoomSet::typescript);
    /// - `GET {base}/asyncapi.json`: the rooms as an [AsyncAPI document](crate::RoomSet::asyncapi);
    /// - `GET {base}/client.js`: the client for browsers and Node, an ES module without dependencies, which connects to
    ///   `{base}/ws` by itself;
    /// - `{base}/inspect` and what is under it, if the builder turned the inspector on.
    ///
    /// ```no_run
    /// use axum::{Router, routing::get};
    /// use dialogue::Dialogue;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let dialogue = Dialogue::builder().build()?;
    /// let app = Router::new()
    ///     .route("/", get(|| async { "hello" }))
    ///     .merge(dialogue.router());
    /// dialogue.serve_router(([127, 0, 0, 1], 3000), app).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Under `axum::serve`, use `into_make_service_with_connect_info::<SocketAddr>()` so that `authenticate` is told the
    /// peer's address; and call [`stop`](Dialogue::stop) before the process ends. [`serve_router`](Dialogue::serve_router)
    /// does both, and adds the deadline for headers that `axum::serve` has not.
    pub fn router(&self) -> axum::Router {
        let base = &self.core.http.base_path;
        let contract = &self.core.contract.contract;
        let types = document("text/plain; charset=utf-8", contract::typescript(contract));
        // A base path has no character that would end the text.
        let client = CLIENT_JS.replace(DEFAULT_SOCKET_PATH, &format!("\"{base}/ws\""));
        let asyncapi = document("application/json", format!("{:#}", contract::asyncapi(contract)));
        let router = axum::Router::new()
            .route(&format!("{base}/ws"), any(upgrade))
            .route(&format!("{base}/ready"), get(ready))
            .route(&format!("{base}/client.d.ts"), types)
            .route(&format!("{base}/asyncapi.json"), asyncapi)
            .route(&format!("{base}/client.js"), document(JAVASCRIPT, client))
            .with_state(RouterState {
                core: Arc::clone(&self.core),
                addresses: Arc::default(),
            });
        #[cfg(feature = "inspector")]
        let router = router.merge(crate::inspector::routes(&self.core));
        router
    }
}

#[derive(Clone)]
struct RouterState {
    core: Arc<Core>,
    addresses: Arc<AddressQuota>,
}

async fn ready(State(state): State<RouterState>) -> StatusCode {
    if state.core.lifecycle.is_stopping() {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    }
}

async fn upgrade(State(state): State<RouterState>, mut request: Request) -> Response {
    let RouterState { core, addresses } = state;
    let switching = match handshake::answer(&request) {
        Ok(switching) => switching,
        Err(refused) => return refused.into_response(),
    };
    let headers = request.headers();
    let allowed = origin::may_connect(
        headers.get(ORIGIN).map(HeaderValue::as_bytes),
        headers.get(HOST).map(HeaderValue::as_bytes),
        &core.http.allowed_origins,
    );
    // A second Origin could say anything.
    if !allowed || headers.get_all(ORIGIN).iter().count() > 1 {
        core.log(|| tracing::warn!(origin = ?headers.get(ORIGIN), "an upgrade from a foreign origin was refused"));
        return (StatusCode::FORBIDDEN, "this origin may not connect").into_response();
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
    // Without the hook, nobody will look at it. In a box, since a connection's future has more than one place for it.
    let presented = core.hooks.authenticate.is_some().then(|| {
        Box::new(Handshake {
            headers: detached(headers),
            query: request.uri().query().map(str::to_owned),
            peer,
            ..Handshake::new(Value::Null)
        })
    });
    let upgraded = hyper::upgrade::on(&mut request);
    let task = {
        let core = Arc::clone(&core);
        async move {
            let _slot = slot;
            let socket = match tokio::time::timeout_at(connect_by, upgraded).await {
                Ok(Ok(socket)) => socket,
                Ok(Err(error)) => {
                    core.log(|| tracing::debug!(%error, "an upgrade failed"));
                    return;
                }
                Err(_) => return,
            };
            match raw::halves(socket) {
                Ok(halves) => socket::serve_until_stopped(core, halves, presented, connect_by).await,
                Err(socket) => {
                    let halves = tokio::io::split(TokioIo::new(socket));
                    // In a box, so that the usual connection has no room for it.
                    Box::pin(socket::serve_until_stopped(core, halves, presented, connect_by)).await;
                }
            }
        }
    };
    core.lifecycle.tasks.spawn(task);
    switching
}

/// Headers with memory of their own. As they come they are slices of the buffer that the whole request was read into, 8 KiB,
/// which each of them would keep for as long as the connection lasts.
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

/// How many connections each address has.
#[derive(Debug, Default)]
struct AddressQuota(Mutex<HashMap<IpAddr, usize>>);

/// One connection's place in the count of its address.
struct AddressSlot {
    addresses: Arc<AddressQuota>,
    address: IpAddr,
}

impl AddressQuota {
    fn reserve(addresses: &Arc<Self>, address: IpAddr, quota: Option<usize>) -> Option<AddressSlot> {
        let address = address.to_canonical();
        let mut counts = addresses.0.lock();
        let count = counts.get(&address).copied().unwrap_or(0);
        if quota.is_some_and(|quota| count >= quota) {
            return None;
        }
        counts.insert(address, count + 1);
        Some(AddressSlot {
            addresses: Arc::clone(addresses),
            address,
        })
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut counts = self.addresses.0.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}
