//! The identity of a client, and the input and output of the `authenticate` hook.

use std::fmt;
use std::net::SocketAddr;
use std::time::SystemTime;

use http::HeaderMap;
use serde_json::Value;

use crate::id::UserId;

/// The credentials that a client presents when it connects. The `authenticate` hook decides on them.
#[derive(Clone)]
#[non_exhaustive]
pub struct Handshake {
    /// The `auth` value of the `connect` frame. It is `null` if there was none.
    pub auth: Value,
    /// The headers of the HTTP request, including `Authorization` and `Cookie`.
    pub headers: HeaderMap,
    /// The query string of the HTTP request, without the `?`.
    pub query: Option<String>,
    /// The address at the other end of the socket. Behind a proxy, this is the proxy's address. It is `None` if the
    /// router is mounted in a server that does not provide `ConnectInfo`.
    pub peer: Option<SocketAddr>,
}

impl Handshake {
    /// Credentials with only an `auth` value, for tests and other transports.
    #[must_use]
    pub fn new(auth: Value) -> Self {
        Self {
            auth,
            headers: HeaderMap::new(),
            query: None,
            peer: None,
        }
    }

    /// The value of one of the request's cookies.
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

    /// The token in `auth.token`, or else in an `Authorization: Bearer` header. `auth` comes first because a client that
    /// renews its session sends a new `auth`, while the headers remain those of the connection's first request.
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

/// Omits everything that may be secret.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// The identity of a client. `authenticate` returns it.
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
    /// The user with this id. An id has 1–128 bytes without control characters, and is not `system`. With any other id,
    /// the server refuses the client as if authentication had failed.
    pub fn user(id: impl Into<UserId>) -> Self {
        Self {
            user_id: Some(id.into()),
            ..Self::anonymous()
        }
    }

    /// A user without an account. The server generates an id.
    pub fn anonymous() -> Self {
        Self {
            user_id: None,
            claims: Value::Null,
            expires_at: None,
            meta: Value::Null,
        }
    }

    /// Claims about the user. Hooks read them with `client.claims()`. They are never sent to anyone.
    pub fn claims(mut self, claims: Value) -> Self {
        self.claims = claims;
        self
    }

    /// When the session expires. The server then closes the connection with 4001, and the client may reconnect with a new
    /// token. By default, it never expires.
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        self.expires_at = Some(time);
        self
    }

    /// Data that the application stores with the client. Hooks read it with `client.meta()`. It is never sent to anyone.
    pub fn meta(mut self, meta: impl Into<Value>) -> Self {
        self.meta = meta.into();
        self
    }
}

/// Omits the claims, which may be secret.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

/// A hook's refusal, with a reason for the client.
///
/// `?` turns any error into a refusal. The client then receives no details, and the server logs the error.
pub struct Refusal {
    reason: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Refusal {
    /// Refuses with a reason that the client receives.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            source: None,
        }
    }

    /// Refuses with a reason that the client receives, and a cause that only the log contains.
    pub fn because(reason: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            reason: reason.into(),
            source: Some(source.into()),
        }
    }

    /// The reason that the client receives.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The cause. It is logged, and never sent to the client.
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
    fn hides_the_details_of_an_error_from_the_client() {
        let refusal = Refusal::from(std::io::Error::other("password of the database"));
        assert_eq!(refusal.to_string(), "refused");
        assert!(refusal.source().is_some());
    }
}
