//! The files of the page. They have no dependencies, and are part of the binary.

use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Redirect, Response};
use http::{StatusCode, header};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page's files by name. No other file is served.
const ASSETS: &[(&str, &str, &str)] = &[
    ("inspector.css", CSS, include_str!("../../inspector/inspector.css")),
    ("room.css", CSS, include_str!("../../inspector/room.css")),
    ("inspector.js", SCRIPT, include_str!("../../inspector/inspector.js")),
    ("dom.js", SCRIPT, include_str!("../../inspector/dom.js")),
    ("server.js", SCRIPT, include_str!("../../inspector/server.js")),
    ("list.js", SCRIPT, include_str!("../../inspector/list.js")),
    ("events.js", SCRIPT, include_str!("../../inspector/events.js")),
    ("rooms.js", SCRIPT, include_str!("../../inspector/rooms.js")),
    ("room.js", SCRIPT, include_str!("../../inspector/room.js")),
    ("form.js", SCRIPT, include_str!("../../inspector/form.js")),
    ("trigger.js", SCRIPT, include_str!("../../inspector/trigger.js")),
    ("schema.js", SCRIPT, include_str!("../../inspector/schema.js")),
    ("plot.js", SCRIPT, include_str!("../../inspector/plot.js")),
];

pub(super) async fn index() -> Response {
    let page = include_str!("../../inspector/index.html");
    ([(header::CONTENT_TYPE, HTML)], page).into_response()
}

/// Redirects a request with a slash at the end, because the page's relative addresses do not work there. The target is
/// relative, since a proxy may have moved all routes.
pub(super) async fn without_slash(RawQuery(query): RawQuery) -> Redirect {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::permanent(&format!("../inspect{query}"))
}

pub(super) async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, text)) => ([(header::CONTENT_TYPE, *kind)], *text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
