//! Sealed tokens: what the server tells a client about its connection, so that a later run of the server believes it.
//!
//! A token is base64url of a version, the content, and the code of both (HMAC-SHA-256). A client can read its token, but
//! cannot make or change one. Pure: knows no time, and does not decide whether a token is still valid.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::lineage::{Lineage, Predecessor};
use crate::id::{ClientId, UserId};

/// The key of a token.
pub(super) type Secret = [u8; 32];

/// Of a token without the time of its sealing, and of one with it.
const VERSION: u8 = 1;
const VERSION_WITH_TIME: u8 = 2;

/// Separates these codes from others that are made with the same secret.
const PURPOSE: &[u8] = b"resume\0";

const CODE_BYTES: usize = 32;

/// The longest text that is decoded: twice as long as a token of the longest ids.
const MAX_CHARS: usize = 4_096;

/// The content of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResumeToken {
    /// The run in which it was given out, and its number there.
    pub(super) run: u64,
    pub(super) number: u64,
    /// When it was sealed, in milliseconds of the wall clock. `None` in a token that counts until its run is forgotten.
    pub(super) sealed_at: Option<u64>,
    /// The generation of the store in that run.
    pub(super) generation: String,
    pub(super) client_id: ClientId,
    pub(super) user_id: UserId,
    pub(super) anonymous: bool,
    /// The connection, and those that it continued.
    pub(super) lineage: Lineage,
}

impl ResumeToken {
    /// The token as the client receives it.
    pub(super) fn seal(&self, secret: &Secret) -> String {
        let mut bytes = vec![match self.sealed_at {
            None => VERSION,
            Some(_) => VERSION_WITH_TIME,
        }];
        bytes.extend(self.run.to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        if let Some(sealed_at) = self.sealed_at {
            bytes.extend(sealed_at.to_be_bytes());
        }
        bytes.push(u8::from(self.anonymous));
        write_text(&mut bytes, &self.generation);
        write_text(&mut bytes, self.client_id.as_str());
        write_text(&mut bytes, self.user_id.as_str());
        for predecessor in self.lineage.iter() {
            bytes.extend(predecessor.run.to_be_bytes());
            write_text(&mut bytes, predecessor.client_id.as_str());
        }
        let code = code(secret, &bytes).finalize().into_bytes();
        bytes.extend(code);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The content of a token that was sealed with this secret. `None` for any other text.
    pub(super) fn open(secret: &Secret, token: &str) -> Option<Self> {
        if token.len() > MAX_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (content, given) = bytes.split_at_checked(bytes.len().checked_sub(CODE_BYTES)?)?;
        // Takes the same time whatever the difference is.
        code(secret, content).verify_slice(given).ok()?;
        Self::read(content)
    }

    fn read(content: &[u8]) -> Option<Self> {
        let mut rest = Rest(content);
        let has_time = match rest.take(1)? {
            [VERSION] => false,
            [VERSION_WITH_TIME] => true,
            _ => return None,
        };
        let (run, number) = (rest.number()?, rest.number()?);
        let sealed_at = if has_time { Some(rest.number()?) } else { None };
        let anonymous = rest.take(1)? == [1];
        let (generation, client_id, user_id) = (rest.text()?, rest.text()?, rest.text()?);
        let mut lineage = Vec::new();
        while !rest.0.is_empty() {
            lineage.push(Predecessor {
                run: rest.number()?,
                client_id: rest.text()?.into(),
            });
        }
        Some(Self {
            run,
            number,
            sealed_at,
            generation: generation.to_owned(),
            client_id: client_id.into(),
            user_id: user_id.into(),
            anonymous,
            lineage: Lineage::of(lineage),
        })
    }
}

fn code(secret: &Secret, content: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("an HMAC key may have any length");
    mac.update(PURPOSE);
    mac.update(content);
    mac
}

/// Writes a text with its length. Ids are far shorter than the limit of 64 KiB.
fn write_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    bytes.extend(length.to_be_bytes());
    bytes.extend(&text.as_bytes()[..usize::from(length)]);
}

/// What is left to read of a content.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take(8)?.try_into().map(u64::from_be_bytes).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.take(2)?.try_into().map(u16::from_be_bytes).ok()?;
        std::str::from_utf8(self.take(length.into())?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token() -> impl Strategy<Value = ResumeToken> {
        let connection = ("[0-9a-f]{0,32}", any::<u64>());
        let lineage = prop::collection::vec(connection, 0..8);
        let ids = ("[0-9a-f]{0,16}", "[0-9a-f]{0,32}", "\\PC{0,32}");
        let numbers = (any::<u64>(), any::<u64>(), any::<Option<u64>>());
        (numbers, ids, any::<bool>(), lineage).prop_map(|((run, number, sealed_at), ids, anonymous, lineage)| {
            let (generation, client_id, user_id) = ids;
            let lineage = lineage.into_iter().map(|(id, run)| Predecessor {
                client_id: id.into(),
                run,
            });
            ResumeToken {
                run,
                number,
                sealed_at,
                generation,
                client_id: client_id.into(),
                user_id: user_id.into(),
                anonymous,
                lineage: Lineage::of(lineage),
            }
        })
    }

    proptest! {
        #[test]
        fn a_sealed_token_is_read_as_it_was_written(token in token(), secret: Secret) {
            let sealed = token.seal(&secret);
            prop_assert_eq!(ResumeToken::open(&secret, &sealed), Some(token));
        }

        #[test]
        fn a_token_with_another_byte_is_refused(
            token in token(), secret: Secret, at: prop::sample::Index, other in "[ -~]|é",
        ) {
            let sealed = token.seal(&secret);
            let mut changed = sealed.clone();
            let at = at.index(sealed.len());
            changed.replace_range(at..=at, &other);
            prop_assume!(changed != sealed);
            prop_assert_eq!(ResumeToken::open(&secret, &changed), None);
        }

        #[test]
        fn a_part_of_a_token_or_more_than_a_token_is_refused(
            token in token(), secret: Secret, at: prop::sample::Index, more in "[A-Za-z0-9_=-]{1,40}",
        ) {
            let sealed = token.seal(&secret);
            let part = &sealed[..at.index(sealed.len())];
            prop_assert_eq!(ResumeToken::open(&secret, part), None);
            prop_assert_eq!(ResumeToken::open(&secret, &format!("{sealed}{more}")), None);
        }

        #[test]
        fn a_token_of_another_file_is_refused(token in token(), secret: Secret, other: Secret) {
            prop_assume!(secret != other);
            prop_assert_eq!(ResumeToken::open(&other, &token.seal(&secret)), None);
        }

        #[test]
        fn no_text_is_taken_for_a_token(text in "\\PC*", secret: Secret) {
            prop_assert_eq!(ResumeToken::open(&secret, &text), None);
        }

        #[test]
        fn no_content_makes_the_server_panic(content in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ResumeToken::read(&content);
        }
    }

    #[test]
    fn a_text_that_is_far_too_long_is_not_decoded() {
        let secret = [7; 32];
        let mut token = ResumeToken {
            run: 1,
            number: 1,
            sealed_at: Some(1),
            generation: "g".repeat(64),
            client_id: "c".repeat(64).into(),
            user_id: "u".repeat(UserId::MAX_BYTES).into(),
            anonymous: false,
            lineage: Lineage::default(),
        };
        for _ in 0..8 {
            token.lineage = token.lineage.after(Predecessor {
                client_id: token.client_id.clone(),
                run: 1,
            });
        }
        let longest = token.seal(&secret);
        assert!(longest.len() < MAX_CHARS / 2, "{}", longest.len());
        assert_eq!(ResumeToken::open(&secret, &longest), Some(token.clone()));
        token.generation = "g".repeat(MAX_CHARS);
        assert_eq!(ResumeToken::open(&secret, &token.seal(&secret)), None);
    }

    #[test]
    fn a_code_for_another_purpose_is_no_token() {
        let secret = [7; 32];
        let token = ResumeToken {
            run: 1,
            number: 1,
            sealed_at: None,
            generation: "g".to_owned(),
            client_id: "c".into(),
            user_id: "ada".into(),
            anonymous: false,
            lineage: Lineage::default(),
        };
        let mut bytes = URL_SAFE_NO_PAD.decode(token.seal(&secret)).expect("base64");
        bytes.truncate(bytes.len() - CODE_BYTES);
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).expect("a key");
        mac.update(&bytes);
        bytes.extend(mac.finalize().into_bytes());
        assert_eq!(ResumeToken::open(&secret, &URL_SAFE_NO_PAD.encode(bytes)), None);
    }
}
