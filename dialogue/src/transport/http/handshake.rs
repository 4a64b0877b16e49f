//! The opening handshake of a WebSocket (RFC 6455, section 4.2): checks the request and answers it.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

const KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");
const ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");

/// The response to a request that cannot open a WebSocket.
type HandshakeRejection = (StatusCode, HeaderMap, &'static str);

/// The response that opens a WebSocket, if the request is valid.
pub(super) fn answer(request: &Request) -> Result<Response, HandshakeRejection> {
    let accept = accept_key(request)?;
    let headers = [
        (CONNECTION, HeaderValue::from_static("upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (ACCEPT, accept),
    ];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

/// Checks the request, and computes the answer to its key.
fn accept_key(request: &Request) -> Result<HeaderValue, HandshakeRejection> {
    let reject = |status, reason| Err((status, HeaderMap::new(), reason));
    if request.method() != Method::GET {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::ALLOW, HeaderValue::from_static("GET"));
        return Err((StatusCode::METHOD_NOT_ALLOWED, headers, "open a WebSocket with GET"));
    }
    if request.version() != Version::HTTP_11 {
        return reject(StatusCode::BAD_REQUEST, "open a WebSocket over HTTP/1.1");
    }
    let headers = request.headers();
    if !has_token(headers, &CONNECTION, "upgrade") || !has_token(headers, &UPGRADE, "websocket") {
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        return Err((
            StatusCode::UPGRADE_REQUIRED,
            headers,
            "this address is a WebSocket; send an upgrade request",
        ));
    }
    if headers.get(VERSION).map(HeaderValue::as_bytes) != Some(b"13") {
        let mut headers = HeaderMap::new();
        headers.insert(VERSION, HeaderValue::from_static("13"));
        return Err((
            StatusCode::UPGRADE_REQUIRED,
            headers,
            "only WebSocket version 13 is supported",
        ));
    }
    let key = headers.get(KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    let base64 = base64::engine::general_purpose::STANDARD;
    if base64.decode(key).map(|key| key.len()) != Ok(16) {
        return reject(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key must be 16 bytes in base64");
    }
    let mut hash = sha1_smol::Sha1::from(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    match HeaderValue::from_str(&base64.encode(hash.digest().bytes())) {
        Ok(accept) => Ok(accept),
        Err(_) => reject(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is invalid"),
    }
}

/// Whether a header's comma-separated list contains a token, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}
