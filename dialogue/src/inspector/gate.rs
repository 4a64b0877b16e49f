//! The gate in front of the inspector's routes. It rejects pages of other sites, and everybody whom the application's
//! guard does not admit.
//!
//! Also owns the headers that keep the content of events from running in the viewer's browser.

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
use crate::connection::Handshake;
use crate::hook::{HookError, refuse};
use crate::logger::shown;
use crate::origin;
use crate::runtime::{Core, Involved, log_line};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The headers of every response. The page may run its own scripts and styles, and talk to its own server. Nothing else
/// runs as code, no other page may frame it, and no cache keeps it.
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

/// Passes a request on to the routes, or answers it with a refusal.
pub(super) async fn pass(State(core): State<Arc<Core>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = match check(&core, &parts).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(failure) => failure.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn check(core: &Core, request: &Parts) -> Result<(), ErrorResponse> {
    let peer = request
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(peer)| *peer);
    if is_foreign(request) {
        let value = |name| {
            let value = request.headers.get(name).map(HeaderValue::as_bytes);
            shown(&String::from_utf8_lossy(value.unwrap_or_default()), 200)
        };
        let host = origin::host_of(&request.uri, &request.headers).unwrap_or_default();
        let (origin, host) = (value(header::ORIGIN), shown(&String::from_utf8_lossy(host), 200));
        let text = format!(
            "requests from other sites are refused (Origin `{origin}`, Host `{host}`): if a proxy is in front of the \
             server, make it forward the Host of the browser"
        );
        log_line!(
            WARN,
            *core,
            Involved::peer(peer),
            "",
            { %origin, %host, },
            "refused a request to the inspector from another site: a proxy must forward the Host of the browser"
        );
        return Err(ErrorResponse::forbidden(text));
    }
    let presented = Handshake {
        auth: Value::Null,
        headers: origin::with_host(request.headers.clone(), &request.uri),
        query: request.uri.query().map(str::to_owned),
        peer,
    };
    for guard in core.hooks.inspector.of(None) {
        let run = core.contain_hook(core.limits.hook_deadline, || (guard.run)(presented.clone()));
        let answer = core.reported(guard.name, Involved::peer(peer), run).await;
        answer.map_err(|error| match error.refusal() {
            Some(refusal) => ErrorResponse::forbidden(refusal.reason()),
            None => ErrorResponse::not_checked(),
        })?;
    }
    Ok(())
}

/// Whether a page of another origin sent the request. The `Origin` header tells, which every cross-site POST has, or the
/// browser's fetch metadata. `allow_origin` does not apply here: it only lets a page connect as a client. Other sites may
/// link to the page: in a tab of its own, it cannot be reached by them.
fn is_foreign(request: &Parts) -> bool {
    let headers = &request.headers;
    let value = |name: &HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    let same_origin = origin::may_connect(value(&header::ORIGIN), origin::host_of(&request.uri, headers), &[]);
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

/// A guard for the inspector that admits only browsers on the server's own machine.
///
/// The address of the peer must be a loopback address. The `Host` of the request must be one too (`localhost`,
/// `127.0.0.1`, `[::1]`), so a foreign name that resolves to this machine does not work. Behind a proxy, every peer is the
/// proxy. Requests with `Forwarded`, `X-Forwarded-For`, `X-Real-IP` or `Via` are therefore refused.
///
/// A proxy on the same machine that adds none of these headers, and sends a loopback `Host`, would admit everybody. Use a
/// guard that checks a session there.
///
/// If you mount the router in your own server, that server must provide the peer's address. Otherwise nobody is admitted:
/// `axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())`.
///
/// ```
/// use dialogue::Dialogue;
///
/// # dialogue::rooms! { pub Rooms; pub Chat = "chat" { events: [] } }
/// let dialogue = Dialogue::builder().rooms::<Rooms>().inspector(dialogue::inspector::local_only).build()?;
/// # Ok::<(), dialogue::BuildError>(())
/// ```
///
/// # Errors
///
/// [`HookError::Refused`] for every other request.
pub async fn local_only(request: Handshake) -> Result<(), HookError> {
    let Some(peer) = request.peer else {
        return refuse("the server does not know the address of the peer: serve the router with `ConnectInfo`");
    };
    let from_here = peer.ip().to_canonical().is_loopback();
    let passed_on = ["forwarded", "x-forwarded-for", "x-real-ip", "via"]
        .iter()
        .any(|name| request.headers.contains_key(*name));
    if from_here && !passed_on && asks_for_this_machine(&request.headers) {
        Ok(())
    } else {
        refuse("the inspector only admits browsers on the server's own machine")
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

/// Checks that a request declares its body as JSON. A form on another site cannot do that.
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
    fn requests_from_other_sites_are_foreign_except_for_links_to_the_page() {
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
    async fn local_only_admits_browsers_on_this_machine_that_use_a_loopback_name() {
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
    async fn local_only_explains_a_missing_peer_address() {
        let refused = local_only(Handshake::new(Value::Null))
            .await
            .expect_err("nobody is local");
        assert!(refused.to_string().contains("ConnectInfo"), "{}", refused.to_string());
    }

    #[test]
    fn only_a_json_content_type_is_json() {
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
