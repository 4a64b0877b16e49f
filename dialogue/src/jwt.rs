//! Authentication by JSON Web Tokens, with the `jsonwebtoken` crate (feature `jwt`).

use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};

use jsonwebtoken::crypto::rust_crypto;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{DecodingKey, Validation, decode};
use serde_json::{Map, Value};

use crate::connection::{Handshake, Identity};
use crate::containment::contain_sync;
use crate::hook::{HookError, HookFailure, Refusal};
use crate::runtime::{BuildError, Builder};

/// How a token becomes an identity: `sub` is the user id, `exp` ends the session, and hooks can read all claims with
/// `client.claims()`.
///
/// The token comes from `auth.token` of the `connect` frame, or else from `Authorization: Bearer …`. Browsers can only
/// set `auth.token`, and a renewed session brings its next token there. `sub` and `exp` are required. For the
/// algorithms, see [`jsonwebtoken`](https://docs.rs/jsonwebtoken).
///
/// `jsonwebtoken` has two crypto backends, `rust_crypto` and `aws_lc_rs`. Dialogue enables `rust_crypto`. If the program
/// enables the other one too, `jsonwebtoken` cannot choose, so the first `Jwt` of the process chooses `rust_crypto`. To use
/// another provider, call `CryptoProvider::install_default` before you make a `Jwt`.
///
/// ```
/// use dialogue::Dialogue;
/// use dialogue::jwt::Jwt;
///
/// # dialogue::rooms! { pub Rooms; pub Chat = "chat" { events: [] } }
/// let dialogue = Dialogue::builder()
///     .rooms::<Rooms>()
///     .authenticate_jwt(Jwt::hs256(b"a secret of at least 32 bytes ......").audience("chat"))
///     .build()?;
/// # Ok::<(), dialogue::BuildError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Jwt {
    key: Arc<DecodingKey>,
    validation: Validation,
}

impl Jwt {
    /// Tokens signed with HMAC-SHA256 and a shared secret. The clock leeway is 0 s.
    pub fn hs256(secret: &[u8]) -> Self {
        let validation = Validation {
            leeway: 0,
            validate_nbf: true,
            ..Validation::default()
        };
        Self::new(DecodingKey::from_secret(secret), validation)
    }

    /// Tokens of any algorithm that `jsonwebtoken` supports, validated by these rules. In addition, `sub` and `exp` are
    /// required, and `exp` is always checked.
    pub fn new(key: DecodingKey, mut validation: Validation) -> Self {
        for claim in ["sub", "exp"] {
            validation.required_spec_claims.insert(claim.to_owned());
        }
        validation.validate_exp = true;
        choose_provider();
        Self {
            key: Arc::new(key),
            validation,
        }
    }

    /// Accepts only tokens for this audience (`aud`). Without this setting, a token that names an audience is refused.
    pub fn audience(mut self, audience: &str) -> Self {
        self.validation.set_audience(&[audience]);
        self.validation.required_spec_claims.insert("aud".to_owned());
        self
    }

    /// Accepts only tokens from this issuer (`iss`).
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.validation.set_issuer(&[issuer]);
        self.validation.required_spec_claims.insert("iss".to_owned());
        self
    }

    /// The identity of the token's bearer.
    ///
    /// # Errors
    ///
    /// [`HookError::Refused`] if there is no token, or if it is not valid. The exact fault is logged but not sent to the
    /// client.
    ///
    /// [`HookError::Failed`] if the server's own key or rules are unusable, so that no token can be checked. The client may
    /// try again later.
    pub fn identify(&self, handshake: &Handshake) -> Result<Identity, HookError> {
        let token = handshake.bearer_token().ok_or_else(|| Refusal::new("no token"))?;
        // Without a crypto provider, `jsonwebtoken` panics.
        let decoded = contain_sync(|| decode::<Map<String, Value>>(token, &self.key, &self.validation));
        let claims = decoded
            .map_err(HookError::Failed)?
            .map_err(|error| self.refused_or_failed(error))?
            .claims;
        let user = claims.get("sub").and_then(Value::as_str);
        let expires = claims
            .get("exp")
            .and_then(Value::as_f64)
            .and_then(|exp| Duration::try_from_secs_f64(exp).ok());
        match (user, expires.and_then(|expires| UNIX_EPOCH.checked_add(expires))) {
            (Some(user), Some(expires)) => Ok(Identity::user(user)
                .with_expiry(expires)
                .with_claims(Value::Object(claims))),
            _ => Err(Refusal::new("the token is not valid").into()),
        }
    }

    /// A token that is not valid is refused. If the key or the rules of the server are at fault, nothing is known of the
    /// token.
    fn refused_or_failed(&self, error: Error) -> HookError {
        let is_servers_fault = matches!(
            error.kind(),
            ErrorKind::InvalidEcdsaKey
                | ErrorKind::InvalidEddsaKey
                | ErrorKind::InvalidRsaKey(_)
                | ErrorKind::InvalidKeyFormat
                | ErrorKind::RsaFailedSigning
                | ErrorKind::Signing(_)
                | ErrorKind::UnsupportedAlgorithm
                | ErrorKind::MissingAlgorithm
                | ErrorKind::Provider(_)
        );
        if is_servers_fault || self.validation.algorithms.is_empty() {
            return HookError::Failed(HookFailure::returned(error));
        }
        Refusal::because("the token is not valid", error).into()
    }
}

/// Omits the key.
impl std::fmt::Debug for Jwt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jwt").finish_non_exhaustive()
    }
}

impl Builder {
    /// Identifies clients by their JSON Web Tokens: [`authenticate`](Self::authenticate) for the common case.
    ///
    /// [`build`](Self::build) fails with [`BuildError::NoCryptoProvider`] if `jsonwebtoken` can check no token in this
    /// program.
    pub fn authenticate_jwt(self, jwt: Jwt) -> Self {
        let checked = match *HAS_PROVIDER {
            true => self,
            false => self.failing(BuildError::NoCryptoProvider),
        };
        checked.authenticate(move |handshake| std::future::ready(jwt.identify(&handshake)))
    }
}

/// Chooses the crypto backend that Dialogue enables, unless the program has chosen one.
fn choose_provider() {
    let _chosen_before = rust_crypto::DEFAULT_PROVIDER.install_default();
}

/// Whether `jsonwebtoken` can check tokens. It cannot if it was used before there was a provider, with both backends.
static HAS_PROVIDER: LazyLock<bool> = LazyLock::new(|| {
    choose_provider();
    let token = "eyJhbGciOiJIUzI1NiJ9.e30.AAAA";
    let key = DecodingKey::from_secret(b"any");
    contain_sync(|| decode::<Value>(token, &key, &Validation::default())).is_ok()
});

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
    use serde_json::json;

    const SECRET: &[u8] = b"a secret of at least 32 bytes ......";

    fn identify(jwt: &Jwt, algorithm: Algorithm, secret: &[u8], claims: &Value) -> Result<Identity, HookError> {
        let token = encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).expect("a token");
        jwt.identify(&Handshake::new(json!({ "token": token })))
    }

    #[test]
    fn takes_the_user_and_the_expiry_from_the_token() {
        let exp = get_current_timestamp() + 60;
        let claims = json!({ "sub": "ada", "exp": exp, "role": "editor" });
        let identity = identify(&Jwt::hs256(SECRET), Algorithm::HS256, SECRET, &claims).expect("an identity");
        assert_eq!(identity.user_id.as_deref(), Some("ada"));
        assert_eq!(identity.expires_at, Some(UNIX_EPOCH + Duration::from_secs(exp)));
        assert_eq!(identity.claims["role"], "editor");
    }

    #[test]
    fn a_key_that_cannot_check_a_token_is_a_failure_and_no_refusal() {
        let claims = json!({ "sub": "ada", "exp": get_current_timestamp() + 60 });
        let mut without_algorithm = Validation::default();
        without_algorithm.algorithms.clear();
        let jwt = Jwt::new(DecodingKey::from_secret(SECRET), without_algorithm);
        let failed = identify(&jwt, Algorithm::HS256, SECRET, &claims).expect_err("no algorithm");
        assert!(failed.refusal().is_none(), "{failed:?}");
        let jwt = Jwt::new(DecodingKey::from_ec_der(b"no key"), Validation::new(Algorithm::ES256));
        let token = json!({ "token": "eyJhbGciOiJFUzI1NiJ9.e30.AAAA" });
        let failed = jwt.identify(&Handshake::new(token)).expect_err("no key");
        assert!(failed.refusal().is_none(), "{failed:?}");
        let refused = identify(&Jwt::hs256(SECRET), Algorithm::HS256, b"another", &claims).expect_err("forged");
        assert!(refused.refusal().is_some(), "{refused:?}");
    }

    #[test]
    fn refuses_invalid_tokens() {
        let exp = get_current_timestamp() + 60;
        let good = json!({ "sub": "ada", "exp": exp, "aud": "chat", "iss": "us" });
        let jwt = Jwt::hs256(SECRET).audience("chat").issuer("us");
        assert!(identify(&jwt, Algorithm::HS256, SECRET, &good).is_ok());
        assert!(identify(&jwt, Algorithm::HS256, b"another secret of 32 bytes or more..", &good).is_err());
        assert!(identify(&jwt, Algorithm::HS512, SECRET, &good).is_err());
        for bad in [
            json!({ "sub": "ada", "exp": exp - 120, "aud": "chat", "iss": "us" }),
            json!({ "sub": "ada", "aud": "chat", "iss": "us" }),
            json!({ "exp": exp, "aud": "chat", "iss": "us" }),
            json!({ "sub": 7, "exp": exp, "aud": "chat", "iss": "us" }),
            json!({ "sub": "ada", "exp": exp, "aud": "mail", "iss": "us" }),
            json!({ "sub": "ada", "exp": exp, "iss": "us" }),
            json!({ "sub": "ada", "exp": exp, "aud": "chat", "iss": "them" }),
            json!({ "sub": "ada", "exp": exp, "aud": "chat" }),
            json!({ "sub": "ada", "exp": exp, "nbf": exp, "aud": "chat", "iss": "us" }),
        ] {
            assert!(identify(&jwt, Algorithm::HS256, SECRET, &bad).is_err(), "{bad}");
        }
        assert!(jwt.identify(&Handshake::new(Value::Null)).is_err());
        let forged = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJleHAiOjQ4MDAwMDAwMDB9.";
        assert!(jwt.identify(&Handshake::new(json!({ "token": forged }))).is_err());
    }
}
