//! Shared by the tests, each of which is a process of its own: a process has one crypto provider.

use dialogue::jwt::Jwt;
use dialogue::{BuildError, Dialogue, Handshake};
use jsonwebtoken::{Algorithm, EncodingKey, Header, get_current_timestamp};
use serde_json::{Value, json};

/// The secret of the tokens.
pub const SECRET: &[u8] = b"a secret of at least 32 bytes ......";

/// Tokens with this secret.
pub fn jwt() -> Jwt {
    Jwt::hs256(SECRET)
}

/// A token for Ada, signed with this secret.
pub fn token(secret: &[u8]) -> String {
    let claims: Value = json!({ "sub": "ada", "exp": get_current_timestamp() + 60 });
    let key = EncodingKey::from_secret(secret);
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).expect("a token")
}

/// Builds a server with this way to sign in.
pub fn build(jwt: Jwt) -> Result<Dialogue, BuildError> {
    Dialogue::builder().define_events([]).authenticate_jwt(jwt).build()
}

/// Asserts that a good token signs in, and that a forged one is refused.
pub fn assert_signs_in(jwt: &Jwt) {
    let identify = |secret| jwt.identify(&Handshake::new(json!({ "token": token(secret) })));
    let ada = identify(SECRET).expect("an identity");
    assert_eq!(ada.user_id().map(|id| id.as_str()), Some("ada"));
    let forged = identify(b"another secret of 32 bytes or more..").expect_err("forged");
    assert!(forged.refusal().is_some(), "{forged:?}");
}
