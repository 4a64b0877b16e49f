//! The documents that the server publishes besides the socket.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode};

/// Answers GET and HEAD requests with a document. Clients may cache it, but must ask each time whether it has changed;
/// `304` means that it has not. Pages of all origins may read it.
pub(super) fn document<S>(content_type: &'static str, body: impl Into<Bytes>) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let body: Bytes = body.into();
    let etag = format!("\"{}\"", sha1_smol::Sha1::from(&body).digest());
    get(move |request: Request| {
        let response = answer(request.headers(), content_type, &etag, &body);
        async move { response }
    })
}

fn answer(headers: &HeaderMap, content_type: &'static str, etag: &str, body: &Bytes) -> Response {
    let common = [
        (ETAG, etag),
        (CACHE_CONTROL, "no-cache"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    if has(headers, etag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let of_body = [(CONTENT_TYPE, content_type), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (common, of_body, body.clone()).into_response()
}

/// Whether the client already has the document with this tag.
fn has(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*")
}
