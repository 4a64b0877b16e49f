//! The page. Its files are compiled into the program, without a build step. Dialogue serves its client itself.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The path, the content type and the text of each file.
const FILES: [(&str, &str, &str); 8] = [
    ("/", HTML, include_str!("../page/index.html")),
    ("/chat.css", CSS, include_str!("../page/chat.css")),
    ("/chat.js", JS, include_str!("../page/chat.js")),
    ("/elements.js", JS, include_str!("../page/elements.js")),
    ("/log.js", JS, include_str!("../page/log.js")),
    ("/outbox.js", JS, include_str!("../page/outbox.js")),
    ("/words.js", JS, include_str!("../page/words.js")),
    ("/icon.svg", SVG, include_str!("../page/icon.svg")),
];

/// Serves the page at `/`.
pub(crate) fn router() -> Router {
    FILES
        .into_iter()
        .fold(Router::new(), |router, (path, content_type, text)| {
            router.route(path, get(move || async move { ([(CONTENT_TYPE, content_type)], text) }))
        })
}
