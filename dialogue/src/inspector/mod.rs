//! The inspector: a web page that shows the activity of a server to people whom the application's guard admits (feature
//! `inspector`).
//!
//! [`Builder::inspector`](crate::Builder::inspector) sets the guard. [`local_only`] is a guard for your own machine.

// Owns the routes under `{base}/inspect`: the gate in front of them, the page (`dialogue/inspector`), its requests, and
// its live feed. It reads from the runtime, and changes nothing except by a trigger.

mod api;
mod describe;
mod entry;
mod error;
mod feed;
mod gate;
mod observer;
mod page;

use std::sync::Arc;

use axum::routing::{get, post};

pub use self::gate::local_only;
use crate::runtime::Core;

/// The inspector's routes. There are none unless the builder set a guard.
pub(crate) fn routes(core: &Arc<Core>) -> axum::Router {
    if core.hooks.inspector.is_empty() {
        return axum::Router::new();
    };
    let at = |path: &str| format!("{}/inspect{path}", core.http.base_path);
    let gate = axum::middleware::from_fn_with_state(Arc::clone(core), gate::pass);
    axum::Router::new()
        .route(&at(""), get(page::index))
        .route(&at("/"), get(page::without_slash))
        .route(&at("/feed"), get(feed::feed))
        .route(&at("/rooms"), get(api::rooms))
        .route(&at("/rooms/{room}"), get(api::room))
        .route(&at("/rooms/{room}/history"), get(api::history))
        .route(&at("/rooms/{room}/trigger"), post(api::trigger))
        .route(&at("/{asset}"), get(page::asset))
        .route_layer(gate)
        .with_state(Arc::clone(core))
}
