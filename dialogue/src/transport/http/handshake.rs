//! The opening handshake of a WebSocket over HTTP/1.1 (RFC 6455, section 4.2) and over HTTP/2 (RFC 8441): checks the
//! request and answers it.

use std::borrow::Cow;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use http::header::{ALLOW, CONNECTION, UPGRADE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

use crate::logger::shown;

const KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");
const ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");

/// The reason for refusing a plain request. The usual cause is a proxy that does not know WebSockets.
const NO_UPGRADE: &str = "this address is a WebSocket: open it with a WebSocket client. If a WebSocket client sent this \
    request, a proxy has dropped its headers `Upgrade` and `Connection`. Make the proxy pass them on, as nginx does with \
    `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"`";

/// The reason for refusing a plain request over HTTP/2.
const NO_CONNECT: &str = "over HTTP/2, a WebSocket is opened with an extended CONNECT (RFC 8441), not with GET: open it \
    with a WebSocket client. If a proxy sent this request, make it use HTTP/1.1 towards this server";

/// The refusal of a request that cannot open a WebSocket.
#[derive(Debug)]
pub(super) struct Rejection {
    pub(super) status: StatusCode,
    header: Option<(HeaderName, &'static str)>,
    /// What is wrong, and what to do about it.
    pub(super) reason: Cow<'static, str>,
}

impl Rejection {
    pub(super) fn new(status: StatusCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            header: None,
            reason: reason.into(),
        }
    }

    pub(super) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.reason).into_response();
        let headers = response.headers_mut();
        // The reason may repeat what the request says.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some((name, value)) = self.header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// The response that opens a WebSocket, if the request is valid.
pub(super) fn answer(request: &Request) -> Result<Response, Rejection> {
    if request.version() == Version::HTTP_2 {
        check_connect(request)?;
        return Ok(StatusCode::OK.into_response());
    }
    let accept = accept_key(request)?;
    let headers = [
        (CONNECTION, HeaderValue::from_static("upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (ACCEPT, accept),
    ];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

/// Checks a request over HTTP/2. A CONNECT that has a path is an extended one, because a plain one has none. The HTTP
/// library knows the protocol that it is for, but shows it only to programs that enable its HTTP/2. The version of
/// WebSocket shows it too.
fn check_connect(request: &Request) -> Result<(), Rejection> {
    if request.method() != Method::CONNECT || request.uri().path().is_empty() {
        return Err(Rejection::new(StatusCode::BAD_REQUEST, NO_CONNECT));
    }
    check_version(request.headers())
}

/// Checks the request, and computes the answer to its key.
fn accept_key(request: &Request) -> Result<HeaderValue, Rejection> {
    if request.method() != Method::GET {
        let reason = "a WebSocket is opened with GET: use a WebSocket client";
        return Err(Rejection::new(StatusCode::METHOD_NOT_ALLOWED, reason).with(ALLOW, "GET"));
    }
    // nginx speaks HTTP/1.0 to servers, unless `proxy_http_version` says otherwise.
    if request.version() < Version::HTTP_11 {
        return Err(Rejection::new(StatusCode::UPGRADE_REQUIRED, NO_UPGRADE).with(UPGRADE, "websocket"));
    }
    if request.version() != Version::HTTP_11 {
        let reason = format!(
            "open the WebSocket over HTTP/1.1 or HTTP/2, not {:?}",
            request.version()
        );
        return Err(Rejection::new(StatusCode::BAD_REQUEST, reason));
    }
    let headers = request.headers();
    if !has_token(headers, &CONNECTION, "upgrade") || !has_token(headers, &UPGRADE, "websocket") {
        return Err(Rejection::new(StatusCode::UPGRADE_REQUIRED, NO_UPGRADE).with(UPGRADE, "websocket"));
    }
    check_version(headers)?;
    let key = headers.get(KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    let base64 = base64::engine::general_purpose::STANDARD;
    let invalid_key = "Sec-WebSocket-Key must be 16 bytes in base64: use a WebSocket client";
    if base64.decode(key).map(|key| key.len()) != Ok(16) {
        return Err(Rejection::new(StatusCode::BAD_REQUEST, invalid_key));
    }
    let mut hash = sha1_smol::Sha1::from(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    HeaderValue::from_str(&base64.encode(hash.digest().bytes()))
        .map_err(|_| Rejection::new(StatusCode::BAD_REQUEST, invalid_key))
}

fn check_version(headers: &HeaderMap) -> Result<(), Rejection> {
    let version = headers.get(VERSION).map(HeaderValue::as_bytes);
    if version == Some(b"13") {
        return Ok(());
    }
    let version = shown(&String::from_utf8_lossy(version.unwrap_or_default()), 20);
    let reason = format!("only WebSocket version 13 is supported, not `{version}`: update the client");
    Err(Rejection::new(StatusCode::UPGRADE_REQUIRED, reason).with(VERSION, "13"))
}

/// Whether a header's comma-separated list contains a token, in any case.
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}
