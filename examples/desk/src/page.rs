//! The two pages. Their files are compiled into the program, without a build step. Dialogue serves its client itself.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The path, the content type and the text of each file.
const FILES: [(&str, &str, &str); 13] = [
    ("/", HTML, include_str!("../page/customer.html")),
    ("/agents", HTML, include_str!("../page/agent.html")),
    ("/desk.css", CSS, include_str!("../page/desk.css")),
    ("/icon.svg", SVG, include_str!("../page/icon.svg")),
    ("/agent.js", JS, include_str!("../page/agent.js")),
    ("/connection.js", JS, include_str!("../page/connection.js")),
    ("/conversation.js", JS, include_str!("../page/conversation.js")),
    ("/customer.js", JS, include_str!("../page/customer.js")),
    ("/elements.js", JS, include_str!("../page/elements.js")),
    ("/lines.js", JS, include_str!("../page/lines.js")),
    ("/outbox.js", JS, include_str!("../page/outbox.js")),
    ("/session.js", JS, include_str!("../page/session.js")),
    ("/words.js", JS, include_str!("../page/words.js")),
];

/// Serves the page of customers at `/`, and the page of agents at `/agents`.
pub(crate) fn router() -> Router {
    FILES
        .into_iter()
        .fold(Router::new(), |router, (path, content_type, text)| {
            router.route(path, get(move || async move { ([(CONTENT_TYPE, content_type)], text) }))
        })
}
