//! The routes of a server: the WebSocket, readiness, and the published documents.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{any, get};
use http::StatusCode;

use super::documents::document;
use super::upgrade::upgrade;
use crate::contract;
use crate::runtime::{Core, Dialogue};

/// The client for browsers and Node. The npm package has the same file.
const CLIENT_JS: &str = include_str!("../../../npm/client.js");

/// The line of the client with its default address of the socket: a path on the origin of its page.
const SOCKET_LINE: &str = "const SOCKET_URL = \"/dialogue/ws\";";

/// The same line in the client that a server serves. The address is relative to the module, so it is right under any base
/// path, in a router that is nested in another, and behind a proxy that strips a prefix.
const RELATIVE_SOCKET_LINE: &str = "const SOCKET_URL = new URL(\"ws\", import.meta.url);";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

impl Dialogue {
    /// The routes of this server. Serve them alone, or merge them into the application's own `axum::Router`:
    ///
    /// - `GET {base}/ws`: the WebSocket, by default `/dialogue/ws`.
    /// - `GET {base}/ready`: 200 while a load balancer may send clients. 503 from SIGTERM on
    ///   ([`Limits::ready_delay`](crate::Limits::ready_delay) before the shutdown), and once the server is stopping. With a
    ///   cluster, 503 until the first contact with it. In later outages it stays 200: otherwise, all nodes would leave
    ///   the load balancer together.
    /// - `GET {base}/client.d.ts`: the rooms as [TypeScript](crate::RoomSet::typescript).
    /// - `GET {base}/asyncapi.json`: the rooms as an [AsyncAPI document](crate::RoomSet::asyncapi), from the client's side.
    ///   `GET {base}/asyncapi-server.json` is the same from the server's side.
    /// - `GET {base}/client.js`: the client for browsers and Node. It is an ES module without dependencies, and connects
    ///   to `ws` next to its own address by default. It therefore also works if the router is nested in another one, or
    ///   behind a proxy that strips a prefix.
    /// - `{base}/inspect` and the paths below it, if the builder enabled the inspector.
    ///
    /// ```no_run
    /// use axum::{Router, routing::get};
    /// use dialogue::Dialogue;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # dialogue::rooms! { pub Rooms; pub Chat = "chat" { events: [] } }
    /// let dialogue = Dialogue::builder().rooms::<Rooms>().build()?;
    /// let app = Router::new()
    ///     .route("/", get(|| async { "hello" }))
    ///     .merge(dialogue.router());
    /// dialogue.serve_router(([127, 0, 0, 1], 3000), app).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// With `axum::serve`, use `into_make_service_with_connect_info::<SocketAddr>()`, so that `authenticate` receives the
    /// peer's address. Also call [`stop`](Dialogue::stop) before the process ends.
    /// [`serve_router`](Dialogue::serve_router) does both, and adds the deadline for headers that `axum::serve` lacks.
    ///
    /// With the feature `http2` of axum, clients can also open WebSockets over HTTP/2 (an extended CONNECT, RFC 8441).
    /// `axum::serve` permits that. With a server that you build from hyper, call `enable_connect_protocol` on its HTTP/2
    /// settings.
    pub fn router(&self) -> axum::Router {
        let base = &self.core.http.base_path;
        let published = &self.core.contract;
        let contract = &published.contract;
        let types = document("text/plain; charset=utf-8", contract::typescript(contract));
        let client = CLIENT_JS.replace(SOCKET_LINE, RELATIVE_SOCKET_LINE);
        let asyncapi = |view| {
            let described = contract::asyncapi(contract, view, published.public_url.as_ref());
            document("application/json", format!("{described:#}"))
        };
        let router = axum::Router::new()
            .route(&format!("{base}/ws"), any(upgrade))
            .route(&format!("{base}/ready"), get(ready))
            .route(&format!("{base}/client.d.ts"), types)
            .route(&format!("{base}/asyncapi.json"), asyncapi(contract::View::Client))
            .route(
                &format!("{base}/asyncapi-server.json"),
                asyncapi(contract::View::Server),
            )
            .route(&format!("{base}/client.js"), document(JAVASCRIPT, client))
            .with_state(Arc::clone(&self.core));
        #[cfg(feature = "inspector")]
        let router = router.merge(crate::inspector::routes(&self.core));
        router
    }
}

async fn ready(State(core): State<Arc<Core>>) -> StatusCode {
    if core.lifecycle.is_ready() && core.first_contact.is_made() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_has_one_line_with_its_default_address() {
        assert_eq!(CLIENT_JS.matches(SOCKET_LINE).count(), 1);
    }
}
