//! The page, compiled into the program: five files, no build step.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

/// Serves the page at `/`.
pub fn router() -> Router {
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("../page/index.html")))
        .route("/chat.css", file("text/css; charset=utf-8", include_str!("../page/chat.css")))
        .route("/chat.js", file("text/javascript; charset=utf-8", include_str!("../page/chat.js")))
        .route("/dialogue.js", file("text/javascript; charset=utf-8", include_str!("../page/dialogue.js")))
        .route("/icon.svg", file("image/svg+xml", include_str!("../page/icon.svg")))
}

fn file(content_type: &'static str, text: &'static str) -> axum::routing::MethodRouter {
    get(async move || ([(CONTENT_TYPE, content_type)], text).into_response())
}
