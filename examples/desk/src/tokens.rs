//! JSON Web Tokens: the desk signs them itself, and checks them at its socket and at its routes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use dialogue::jwt::Jwt;
use dialogue::{Handshake, HookError};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Serialize;
use serde_json::Value;

use crate::people::Person;

/// Tokens for another program are not valid here, even if they have the same key.
const AUDIENCE: &str = "desk";

/// Signs tokens and checks them.
#[derive(Clone)]
pub struct Tokens {
    jwt: Jwt,
    key: Arc<EncodingKey>,
}

#[derive(Serialize)]
struct Claims<'a> {
    #[serde(flatten)]
    person: &'a Person,
    aud: &'a str,
    exp: u64,
}

impl Tokens {
    /// Tokens that are signed with this secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self {
            jwt: Jwt::hs256(secret).audience(AUDIENCE),
            key: Arc::new(EncodingKey::from_secret(secret)),
        }
    }

    /// How the server checks tokens.
    pub(crate) fn jwt(&self) -> Jwt {
        self.jwt.clone()
    }

    /// A token for this person.
    ///
    /// # Errors
    ///
    /// [`jsonwebtoken::errors::Error`] if it cannot be signed.
    pub fn issue(&self, person: &Person, valid_for: Duration) -> Result<String, jsonwebtoken::errors::Error> {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let claims = Claims {
            person,
            aud: AUDIENCE,
            exp: (now + valid_for).as_secs(),
        };
        encode(&Header::default(), &claims, &self.key)
    }

    /// Who sent a request, by its header `Authorization: Bearer …`.
    pub(crate) fn person(&self, headers: &HeaderMap) -> Result<Person, HookError> {
        let mut handshake = Handshake::new(Value::Null);
        handshake.headers = headers.clone();
        Person::from_claims(self.jwt.identify(&handshake)?.claims())
    }
}

/// The secret in a file. The first call makes it up and writes the file, so that tokens are still valid after a restart.
///
/// # Errors
///
/// [`io::Error`] if the file cannot be read or written.
pub fn secret_in(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read.map(|secret| secret.trim_end().to_owned()),
    }
    let secret = random_name()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(secret.as_bytes())?;
    Ok(secret)
}

/// 64 hexadecimal digits that nobody can guess.
pub(crate) fn random_name() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn with_token(token: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("Bearer {token}").parse().expect("a header");
        headers.insert("authorization", value);
        headers
    }

    #[test]
    fn a_token_names_its_person() {
        let tokens = Tokens::new(b"a secret of at least 32 bytes ......");
        let grace = Person::agent("acme", "Grace");
        let token = tokens.issue(&grace, HOUR).expect("a token");
        assert_eq!(tokens.person(&with_token(&token)).expect("a person"), grace);
        assert!(tokens.person(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_token_of_another_secret_is_refused() {
        let tokens = Tokens::new(b"a secret of at least 32 bytes ......");
        let others = Tokens::new(b"another secret of at least 32 bytes .");
        let forged = others.issue(&Person::agent("acme", "Grace"), HOUR).expect("a token");
        assert!(tokens.person(&with_token(&forged)).is_err());
    }

    #[test]
    fn a_secret_is_made_up_once() {
        let name = format!("desk-{}-{}", std::process::id(), random_name().expect("a name"));
        let path = std::env::temp_dir().join(name);
        let first = secret_in(&path).expect("a secret");
        assert_eq!(first.len(), 64);
        assert_eq!(secret_in(&path).expect("the same secret"), first);
        fs::remove_file(path).expect("the file");
    }
}
