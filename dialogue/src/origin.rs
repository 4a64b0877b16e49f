//! The Origin rule: which web pages may connect. Pure.

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Uri};

use crate::logger::shown;

/// How many characters of a header an explanation repeats: a scheme, the longest host name, and a port.
const LONGEST_SHOWN: usize = 300;

/// An origin as browsers send it, `scheme://host[:port]`, in lower case and without the scheme's default port. `None`
/// if the text isn't an origin.
pub(crate) fn normal(origin: &str) -> Option<String> {
    let (scheme, authority) = origin.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let (host, port) = split_port(authority)?;
    let well_formed = !scheme.is_empty()
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !well_formed {
        return None;
    }
    match port.filter(|port| Some(*port) != default_port(&scheme)) {
        Some(port) => Some(format!("{scheme}://{host}:{port}")),
        None => Some(format!("{scheme}://{host}")),
    }
}

/// An entry in the list of origins that may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AllowedOrigin {
    /// One [normal](normal) origin.
    Exact(String),
    /// The origins of all subdomains of a host.
    Subdomains {
        /// What they begin with, such as `https://`.
        scheme: String,
        /// What they end with, such as `.example.com:8443`.
        parent: String,
    },
}

impl AllowedOrigin {
    /// Parses an origin, or a pattern such as `https://*.example.com`. `None` if the text is neither.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Some((scheme, parent)) = text.split_once("://*.") else {
            return normal(text).map(Self::Exact);
        };
        let parent = normal(&format!("{scheme}://{parent}"))?;
        let (scheme, parent) = parent.split_once("://")?;
        let (host, _) = split_port(parent)?;
        let is_named = host
            .split('.')
            .all(|label| !label.is_empty() && !label.starts_with('['));
        // A host whose last label is a number is an address, which has no subdomains.
        let last = host.rsplit('.').next().unwrap_or_default();
        let is_address = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
        (is_named && !is_address).then(|| Self::Subdomains {
            scheme: format!("{scheme}://"),
            parent: format!(".{parent}"),
        })
    }

    /// Whether a [normal](normal) origin is meant.
    fn allows(&self, origin: &str) -> bool {
        match self {
            Self::Exact(allowed) => origin == allowed,
            Self::Subdomains { scheme, parent } => origin
                .strip_prefix(&**scheme)
                .and_then(|rest| rest.strip_suffix(&**parent))
                .is_some_and(|labels| labels.split('.').all(|label| !label.is_empty())),
        }
    }
}

/// Whether a page of `origin` may connect to a server that the page knows as `host`. A request without an Origin may
/// connect, because it doesn't come from a page. Otherwise the page needs the same host and port, or an entry in the
/// list.
pub(crate) fn may_connect(origin: Option<&[u8]>, host: Option<&[u8]>, allowed: &[AllowedOrigin]) -> bool {
    let Some(origin) = origin else {
        return true;
    };
    let Some(origin) = std::str::from_utf8(origin).ok().and_then(normal) else {
        return false;
    };
    if allowed.iter().any(|allowed| allowed.allows(&origin)) {
        return true;
    }
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let ours = host
        .and_then(|host| std::str::from_utf8(host).ok())
        .and_then(split_port);
    match (split_port(authority), ours) {
        (Some((origin_host, origin_port)), Some((host, port))) => {
            let default = default_port(scheme);
            origin_host == host && origin_port.or(default) == port.or(default)
        }
        _ => false,
    }
}

/// The host of a request, as the page knows it: the authority of the target, which every target of HTTP/2 has, or else the
/// `Host`.
pub(crate) fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a [u8]> {
    match uri.authority() {
        Some(authority) => Some(authority.as_str().as_bytes()),
        None => headers.get(HOST).map(HeaderValue::as_bytes),
    }
}

/// The headers of a request for the application. Their `Host` is the [host](host_of) in every version of HTTP.
pub(crate) fn with_host(mut headers: HeaderMap, uri: &Uri) -> HeaderMap {
    if let Some(authority) = uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        headers.insert(HOST, host);
    }
    headers
}

/// Why a page may not connect, and what to do about it, for the response and the log. The text repeats what the request
/// says, cut and without characters that could disguise it.
pub(crate) fn explain(origins: &[&[u8]], host: Option<&[u8]>, forwarded_host: Option<&[u8]>) -> String {
    let text = |bytes: &[u8]| shown(&String::from_utf8_lossy(bytes), LONGEST_SHOWN);
    let [origin] = origins else {
        return format!(
            "the request has {} Origin headers: the browser sends one, so find out what adds the others",
            origins.len()
        );
    };
    let origin = text(origin);
    if ["null", "file://"].contains(&&*origin) {
        return format!(
            "the page has no origin of its own (Origin: {origin}), as in a sandboxed frame or a local file: serve the \
             page over HTTP, without the sandbox"
        );
    }
    if normal(&origin).is_none() {
        return format!("the Origin `{origin}` is not a valid origin: it must have the form `scheme://host[:port]`");
    }
    let host = host.map_or_else(
        || "the request has no Host".to_owned(),
        |host| format!("the Host of the request is `{}`", text(host)),
    );
    let forwarded = forwarded_host.map_or_else(String::new, |host| {
        format!(
            " Its X-Forwarded-Host is `{}`, which is not trusted, because any client can send it.",
            text(host)
        )
    });
    format!(
        "the Origin of the page is `{origin}`, but {host}.{forwarded} If a proxy changes the Host, make it forward the one \
         of the browser (nginx: `proxy_set_header Host $http_host`; Apache: `ProxyPreserveHost On`; Vite: \
         `changeOrigin: false`). If the page belongs to another origin, call `allow_origin(\"{origin}\")` on the builder \
         of the server; `check_origin` decides about origins that are not known in advance"
    )
}

/// The host, in lower case, and the port of `host[:port]`.
pub(crate) fn split_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address are inside its brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
        _ => (authority, None),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte) || (bracketed && b"[]:".contains(&byte));
    (!host.is_empty() && host.bytes().all(plain)).then(|| (host.to_ascii_lowercase(), port))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(origin: &str, host: &str) -> bool {
        let allowed = [
            "https://good.example",
            "https://*.Apps.example",
            "http://*.localhost:3000",
        ];
        let allowed = allowed.map(|allowed| AllowedOrigin::parse(allowed).expect("an origin"));
        may_connect(Some(origin.as_bytes()), Some(host.as_bytes()), &allowed)
    }

    #[test]
    fn a_pattern_stands_for_one_or_more_whole_labels() {
        for origin in [
            "https://a.apps.example",
            "https://A.b-c.APPS.example:443",
            "https://x.y.z.apps.example",
            "http://app.localhost:3000",
        ] {
            assert!(may(origin, "api.example"), "{origin}");
        }
        for origin in [
            "https://apps.example",
            "https://.apps.example",
            "https://a..apps.example",
            "https://evilapps.example",
            "https://a.apps.example.evil.example",
            "https://a.apps.example.",
            "https://a.apps.example:8443",
            "https://evil.example:443.apps.example",
            "https://evil.example/.apps.example",
            "https://evil.example#.apps.example",
            "https://evil.example?.apps.example",
            "https://a@b.apps.example",
            "https://[::1].apps.example",
            "https://*.apps.example",
            "http://a.apps.example",
            "http://app.localhost",
            "http://localhost:3000",
        ] {
            assert!(!may(origin, "api.example"), "{origin}");
        }
    }

    #[test]
    fn a_page_of_the_same_host_and_port_may_connect() {
        assert!(may("http://127.0.0.1:3000", "127.0.0.1:3000"));
        assert!(may("https://Chat.example", "chat.example:443"));
        assert!(may("https://chat.example:443", "chat.example"));
        assert!(may("http://[::1]:3000", "[::1]:3000"));
    }

    #[test]
    fn a_page_on_the_list_may_connect_and_lookalikes_may_not() {
        assert!(may("https://good.example", "api.example"));
        assert!(may("https://good.example:443", "api.example"));
        for other in [
            "http://good.example",
            "https://good.example:8443",
            "https://good.example.evil.example",
            "https://evilgood.example",
            "https://good.example@evil.example",
            "https://good.example/",
            "https://good.example evil",
            "null",
            "",
            "https://",
        ] {
            assert!(!may(other, "api.example"), "{other}");
        }
    }

    #[test]
    fn a_page_of_another_host_or_port_may_not() {
        assert!(!may("http://127.0.0.1:3001", "127.0.0.1:3000"));
        assert!(!may("http://127.0.0.1", "127.0.0.1:3000"));
        assert!(!may("https://evil.example", "chat.example"));
        assert!(!may_connect(Some(b"http://a"), None, &[]));
        assert!(!may_connect(Some(b"\xff"), Some(b"a"), &[]));
    }

    #[test]
    fn a_client_without_an_origin_may_connect() {
        assert!(may_connect(None, Some(b"chat.example"), &[]));
    }
}
