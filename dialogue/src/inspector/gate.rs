//! Who gets to the inspector: no page of another site, and nobody whom the application's hook does not let in.
//!
//! Owns the headers, too, that keep what others say from doing anything in the viewer's browser.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::Value;

use super::error::ErrorResponse;
use crate::connection::{Handshake, Refusal};
use crate::containment::contain;
use crate::origin;
use crate::runtime::Hook;
use crate::runtime::{Core, Involved, verdict};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// What every answer carries. The page runs its own scripts and styles and talks to its own server; nothing that it shows
/// becomes code, nobody frames it, and nothing of it stays in a cache.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// The application's hook.
type Guard = Hook<Handshake, Result<(), Refusal>>;

/// Lets a request through, or answers it.
pub(super) async fn pass(State((core, guard)): State<(Arc<Core>, Guard)>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = match check(&core, &guard, &parts).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(failure) => failure.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn check(core: &Core, guard: &Guard, request: &Parts) -> Result<(), ErrorResponse> {
    if is_foreign(request) {
        core.log(|| {
            let origin = request.headers.get(header::ORIGIN);
            tracing::warn!(?origin, "another site's request to the inspector was refused");
        });
        return Err(ErrorResponse::forbidden("another site may not ask for this"));
    }
    let presented = Handshake {
        auth: Value::Null,
        headers: request.headers.clone(),
        query: request.uri.query().map(str::to_owned),
        peer: request
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|ConnectInfo(peer)| *peer),
    };
    let run = contain(core.limits.hook_deadline, || guard(presented));
    let answer = core.reported("inspector", Involved::default(), run).await;
    verdict(core, "inspector", answer).map_err(ErrorResponse::forbidden)
}

/// Whether a page of another origin is behind a request: by its `Origin`, which goes with every cross-site POST, or by
/// what the browser says of itself. That `allow_origin` lets a page connect as a client does not let it in here. Another
/// site may link to the page: opened at the top, it is out of that site's reach.
fn is_foreign(request: &Parts) -> bool {
    let headers = &request.headers;
    let value = |name: &HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    let same_origin = origin::may_connect(value(&header::ORIGIN), value(&header::HOST), &[]);
    if !same_origin || headers.get_all(header::ORIGIN).iter().count() > 1 {
        return true;
    }
    let followed_a_link = request.method == Method::GET
        && value(&FETCH_MODE) == Some(b"navigate")
        && value(&FETCH_DEST) == Some(b"document");
    match value(&FETCH_SITE) {
        None | Some(b"same-origin" | b"none") => false,
        Some(_) => !followed_a_link,
    }
}

/// A guard for the inspector that lets in browsers on the server's own machine and nobody else.
///
/// The peer must be a loopback address, and so must the `Host` that the browser asked for (`localhost`, `127.0.0.1`,
/// `[::1]`): a foreign name that resolves to this machine is no way in. Behind a proxy every peer is the proxy, so that
/// requests with `Forwarded`, `X-Forwarded-For`, `X-Real-IP` or `Via` are refused. A proxy on the same machine that adds
/// none of these and passes on no `Host` of its own would open it to everyone: guard it by a session there.
///
/// Where the router is mounted in a server of your own, that must tell the peer, or nobody is let in:
/// `axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())`.
///
/// ```
/// use dialogue::Dialogue;
///
/// let dialogue = Dialogue::builder().inspector(dialogue::local_only).build()?;
/// # Ok::<(), dialogue::BuildError>(())
/// ```
///
/// # Errors
///
/// A refusal for everyone else.
pub async fn local_only(request: Handshake) -> Result<(), Refusal> {
    let Some(peer) = request.peer else {
        return Err(Refusal::new(
            "this server does not tell who asks: serve it with `ConnectInfo`",
        ));
    };
    let from_here = peer.ip().to_canonical().is_loopback();
    let passed_on = ["forwarded", "x-forwarded-for", "x-real-ip", "via"]
        .iter()
        .any(|name| request.headers.contains_key(*name));
    if from_here && !passed_on && asks_for_this_machine(&request.headers) {
        Ok(())
    } else {
        Err(Refusal::new("the inspector is open on the server's own machine only"))
    }
}

fn asks_for_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Some((name, _)) = host.and_then(origin::split_port) else {
        return false;
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a request's body is said to be JSON, which no form of another site can say.
pub(super) fn is_json(headers: &HeaderMap) -> Result<(), ErrorResponse> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ErrorResponse::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "MEDIA_TYPE",
        "the body must be application/json",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().header("host", "127.0.0.1:3000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn another_sites_requests_are_foreign_but_for_a_link_to_the_page() {
        let navigate = ("sec-fetch-mode", "navigate");
        for (headers, foreign) in [
            (vec![], false),
            (vec![("origin", "http://127.0.0.1:3000")], false),
            (vec![("sec-fetch-site", "same-origin")], false),
            (vec![("sec-fetch-site", "none")], false),
            (vec![("origin", "http://127.0.0.1:3001")], true),
            (vec![("origin", "null")], true),
            (vec![("sec-fetch-site", "same-site")], true),
            (vec![("sec-fetch-site", "cross-site")], true),
            (vec![("sec-fetch-site", "cross-site"), navigate], true),
            (
                vec![("sec-fetch-site", "cross-site"), navigate, ("sec-fetch-dest", "iframe")],
                true,
            ),
            (
                vec![
                    ("sec-fetch-site", "cross-site"),
                    navigate,
                    ("sec-fetch-dest", "document"),
                ],
                false,
            ),
            (
                vec![("origin", "http://127.0.0.1:3000"), ("origin", "http://127.0.0.1:3000")],
                true,
            ),
        ] {
            assert_eq!(is_foreign(&request(&headers)), foreign, "{headers:?}");
        }
    }

    async fn local(peer: &str, headers: &[(&str, &str)]) -> bool {
        let mut handshake = Handshake::new(Value::Null);
        handshake.peer = peer.parse().ok();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            handshake.headers.insert(name, value.parse().expect("a value"));
        }
        local_only(handshake).await.is_ok()
    }

    #[tokio::test]
    async fn local_only_lets_in_browsers_of_this_machine_that_ask_for_it_by_its_name() {
        for host in ["localhost", "LOCALHOST:3000", "127.0.0.1:3000", "[::1]:3000"] {
            assert!(local("127.0.0.1:5000", &[("host", host)]).await, "{host}");
        }
        assert!(local("[::ffff:127.0.0.1]:5000", &[("host", "localhost")]).await);
        for host in [
            "evil.example:3000",
            "localhost.evil.example",
            "10.0.0.1",
            "",
            "a@b@localhost",
        ] {
            assert!(!local("127.0.0.1:5000", &[("host", host)]).await, "{host}");
        }
        assert!(!local("10.0.0.1:5000", &[("host", "localhost")]).await);
        assert!(!local("nobody", &[("host", "localhost")]).await);
        assert!(!local("127.0.0.1:5000", &[]).await);
        for header in ["forwarded", "x-forwarded-for", "x-real-ip", "via"] {
            let proxied = [("host", "localhost"), (header, "10.0.0.1")];
            assert!(!local("127.0.0.1:5000", &proxied).await, "{header}");
        }
    }

    #[tokio::test]
    async fn local_only_says_so_where_nobody_can_get_in() {
        let refused = local_only(Handshake::new(Value::Null))
            .await
            .expect_err("nobody is local");
        assert!(refused.reason().contains("ConnectInfo"), "{}", refused.reason());
    }

    #[test]
    fn only_json_is_json() {
        for (kind, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("text/plain; application/json", false),
            ("application/x-www-form-urlencoded", false),
        ] {
            assert_eq!(
                is_json(&request(&[("content-type", kind)]).headers).is_ok(),
                json,
                "{kind}"
            );
        }
        assert!(is_json(&HeaderMap::new()).is_err());
    }
}
