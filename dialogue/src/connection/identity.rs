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

    /// The value of one of the request's cookies. Other cookies may contain any bytes. A cookie of this name whose value is
    /// not UTF-8 is passed over. Of several cookies with this name, the first one counts.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get_all(http::header::COOKIE)
            .iter()
            .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| {
                let pair = pair.trim_ascii();
                pair.split_at_checked(pair.iter().position(|byte| *byte == b'=')?)
            })
            .filter(|(key, _)| *key == name.as_bytes())
            .find_map(|(_, value)| std::str::from_utf8(value.get(1..)?).ok())
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
/// let identity = Identity::user("user-456").with_claims(json!({ "role": "editor" }));
/// assert_eq!(identity.user_id().map(|id| id.as_str()), Some("user-456"));
/// assert_eq!(identity.claims()["role"], "editor");
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
    /// the hook has failed: the client is not admitted, and the server logs why.
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
    pub fn with_claims(mut self, claims: Value) -> Self {
        self.claims = claims;
        self
    }

    /// When the session expires. The server then closes the connection with 4001, and the client may reconnect with a new
    /// token. By default, and with a time more than ten years
    /// away, it never expires.
    pub fn with_expiry(mut self, time: SystemTime) -> Self {
        self.expires_at = Some(time);
        self
    }

    /// Data that the application stores with the client. Hooks read it with `client.meta()`. It is never sent to anyone.
    pub fn with_meta(mut self, meta: impl Into<Value>) -> Self {
        self.meta = meta.into();
        self
    }

    /// The user's id; `None` for a user without an account.
    #[must_use]
    pub fn user_id(&self) -> Option<&UserId> {
        self.user_id.as_ref()
    }

    /// The claims about the user; `null` by default.
    #[must_use]
    pub fn claims(&self) -> &Value {
        &self.claims
    }

    /// The application's data about the client; `null` by default.
    #[must_use]
    pub fn meta(&self) -> &Value {
        &self.meta
    }

    /// When the session expires; `None` if it never does.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// Joins the answers of two `authenticate` hooks: `None` if they name different users. An anonymous identity agrees
    /// with every user. The claims and `meta` of `other` count only where `self` has none. The earliest expiry counts.
    pub(crate) fn agree(self, other: Self) -> Option<Self> {
        let user_id = match (self.user_id, other.user_id) {
            (Some(one), Some(another)) if one != another => return None,
            (one, another) => one.or(another),
        };
        let first = |one: Value, another: Value| if one.is_null() { another } else { one };
        Some(Self {
            user_id,
            claims: first(self.claims, other.claims),
            expires_at: self.expires_at.into_iter().chain(other.expires_at).min(),
            meta: first(self.meta, other.meta),
        })
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
    fn finds_a_cookie_whatever_bytes_the_others_contain() {
        for others in [
            "consent=café",
            "consent=caf\u{e9}; café=1",
            "a=\"x,y\"; =; ;;",
            "a=1\t;b",
        ] {
            for latin_1 in [false, true] {
                let bytes = |text: &str| match latin_1 {
                    true => text.chars().map(|character| character as u8).collect(),
                    false => text.as_bytes().to_vec(),
                };
                let (before, after) = (format!("{others}; session=s3cret"), format!("session=s3cret;{others}"));
                for header in [before, after] {
                    let mut handshake = Handshake::new(Value::Null);
                    let value = http::HeaderValue::from_bytes(&bytes(&header)).expect("a header");
                    handshake.headers.append("cookie", value);
                    assert_eq!(handshake.cookie("session"), Some("s3cret"), "{header:?}");
                }
            }
        }
    }

    #[test]
    fn a_cookie_that_is_not_text_is_passed_over() {
        let mut handshake = Handshake::new(Value::Null);
        for cookie in [&b"a=caf\xe9"[..], b"a=2; b=\xff; b = 3"] {
            let value = http::HeaderValue::from_bytes(cookie).expect("a header");
            handshake.headers.append("cookie", value);
        }
        assert_eq!(handshake.cookie("a"), Some("2"));
        assert_eq!(handshake.cookie("b"), None);
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
    fn an_identity_shows_what_it_was_built_from() {
        let end = SystemTime::UNIX_EPOCH;
        let ada = Identity::user("ada")
            .with_claims(json!("claims"))
            .with_meta("meta")
            .with_expiry(end);
        assert_eq!(ada.user_id().map(|id| id.as_str()), Some("ada"));
        assert_eq!((ada.claims(), ada.meta()), (&json!("claims"), &json!("meta")));
        assert_eq!(ada.expires_at(), Some(end));
        let nobody = Identity::anonymous();
        assert_eq!((nobody.user_id(), nobody.expires_at()), (None, None));
        assert_eq!((nobody.claims(), nobody.meta()), (&Value::Null, &Value::Null));
    }

    #[test]
    fn prints_no_secret() {
        let mut handshake = Handshake::new(json!({ "token": "t0p" }));
        handshake.headers.append("cookie", "t0p=t0p".parse().expect("a header"));
        let identity = Identity::user("u").with_claims(json!("t0p"));
        assert!(!format!("{handshake:?}{identity:?}").contains("t0p"));
    }

    #[test]
    fn identities_agree_unless_they_name_different_users() {
        let soon = SystemTime::UNIX_EPOCH;
        let later = soon + std::time::Duration::from_secs(1);
        let ada = || Identity::user("ada").with_claims(json!(1)).with_expiry(later);
        let agreed = ada().agree(
            Identity::anonymous()
                .with_claims(json!(2))
                .with_meta(json!(3))
                .with_expiry(soon),
        );
        let agreed = agreed.expect("an identity");
        assert_eq!(agreed.user_id.as_deref(), Some("ada"));
        assert_eq!(
            (agreed.claims, agreed.meta, agreed.expires_at),
            (json!(1), json!(3), Some(soon))
        );
        let agreed = Identity::anonymous().agree(ada()).expect("an identity");
        assert_eq!(agreed.user_id.as_deref(), Some("ada"));
        assert!(ada().agree(Identity::user("grace")).is_none());
    }
}
