//! Who a client is, and what `authenticate` is told and says.

use std::fmt;
use std::net::SocketAddr;
use std::time::SystemTime;

use http::HeaderMap;
use serde_json::Value;

use crate::id::UserId;

/// What a client presents when it connects: what `authenticate` decides on.
#[derive(Clone)]
#[non_exhaustive]
pub struct Handshake {
    /// The `auth` object of the `connect` frame; `null` if there was none.
    pub auth: Value,
    /// The headers of the HTTP request, `Authorization` and `Cookie` among them.
    pub headers: HeaderMap,
    /// The query string of the HTTP request, without the `?`.
    pub query: Option<String>,
    /// The address at the other end of the socket: a proxy's, where there is one. `None` if the router is mounted in a
    /// server that does not tell (`ConnectInfo`).
    pub peer: Option<SocketAddr>,
}

impl Handshake {
    /// What a client presents, for tests and for other transports.
    #[must_use]
    pub fn new(auth: Value) -> Self {
        Self {
            auth,
            headers: HeaderMap::new(),
            query: None,
            peer: None,
        }
    }

    /// The value of a cookie of the request.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get_all(http::header::COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// `auth.token`, or else the token of an `Authorization: Bearer` header. In that order, since a session that is renewed
    /// brings a new `auth` with the headers of its connection's first request.
    #[must_use]
    pub fn bearer_token(&self) -> Option<&str> {
        let token = self.auth.get("token").and_then(Value::as_str);
        token.or_else(|| {
            let header = self.headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
            let (scheme, token) = header.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        })
    }
}

/// Leaves out what may be secret.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// Who a client is: what `authenticate` returns.
///
/// ```
/// use dialogue::Identity;
/// use serde_json::json;
///
/// let identity = Identity::user("user-456").claims(json!({ "role": "editor" }));
/// ```
#[derive(Clone)]
#[must_use]
pub struct Identity {
    pub(crate) user_id: Option<UserId>,
    pub(crate) claims: Value,
    pub(crate) expires_at: Option<SystemTime>,
    pub(crate) meta: Value,
}

impl Identity {
    /// The user with this id: 1–128 bytes without control characters, and not `system`. Anything else is refused as if
    /// authentication had failed.
    pub fn user(id: impl Into<UserId>) -> Self {
        Self {
            user_id: Some(id.into()),
            ..Self::anonymous()
        }
    }

    /// Nobody in particular: the server makes an id.
    pub fn anonymous() -> Self {
        Self {
            user_id: None,
            claims: Value::Null,
            expires_at: None,
            meta: Value::Null,
        }
    }

    /// What is known of the user, for hooks to read with `client.claims()`. Never sent to anyone.
    pub fn claims(mut self, claims: Value) -> Self {
        self.claims = claims;
        self
    }

    /// When the session ends. At that moment the connection is closed with 4001, and the client may come back with a
    /// fresh token. Default: never.
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        self.expires_at = Some(time);
        self
    }

    /// What the application keeps with the client, for hooks to read with `client.meta()`. Never sent to anyone.
    pub fn meta(mut self, meta: impl Into<Value>) -> Self {
        self.meta = meta.into();
        self
    }
}

/// Leaves out the claims, which may be secret.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

/// A hook's no, with the reason that the client is told.
///
/// Any error turns into one with `?`; then the client is told nothing of it, and the error is logged.
pub struct Refusal {
    reason: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Refusal {
    /// Refuses for a reason that the client may read.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            source: None,
        }
    }

    /// Refuses for a reason that the client may read, and another that is logged.
    pub fn because(reason: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            reason: reason.into(),
            source: Some(source.into()),
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What is not told to the client but logged.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self {
            reason: "refused".to_owned(),
            source: Some(Box::new(error)),
        }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("reason", &self.reason)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_a_cookie_among_others() {
        let mut handshake = Handshake::new(Value::Null);
        handshake
            .headers
            .append("cookie", "a=1; session=s3cret".parse().expect("a header"));
        assert_eq!(handshake.cookie("session"), Some("s3cret"));
        assert_eq!(handshake.cookie("sess"), None);
    }

    #[test]
    fn takes_a_bearer_token_from_auth_before_the_header() {
        let mut handshake = Handshake::new(Value::Null);
        assert_eq!(handshake.bearer_token(), None);
        handshake
            .headers
            .append("authorization", "bearer from-header".parse().expect("a header"));
        assert_eq!(handshake.bearer_token(), Some("from-header"));
        handshake.auth = json!({ "token": "from-auth" });
        assert_eq!(handshake.bearer_token(), Some("from-auth"));
    }

    #[test]
    fn prints_no_secret() {
        let mut handshake = Handshake::new(json!({ "token": "t0p" }));
        handshake.headers.append("cookie", "t0p=t0p".parse().expect("a header"));
        let identity = Identity::user("u").claims(json!("t0p"));
        assert!(!format!("{handshake:?}{identity:?}").contains("t0p"));
    }

    #[test]
    fn tells_the_client_nothing_of_an_error() {
        let refusal = Refusal::from(std::io::Error::other("password of the database"));
        assert_eq!(refusal.to_string(), "refused");
        assert!(refusal.source().is_some());
    }
}
