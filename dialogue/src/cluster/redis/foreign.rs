//! What is not as our scripts write it.

/// A reply, a message or an entry that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unexpected {what}: {text}")]
pub(super) struct BadReply {
    what: &'static str,
    /// Its beginning.
    text: String,
}

impl BadReply {
    pub(super) fn new(what: &'static str, text: &[u8]) -> Self {
        const MOST: usize = 120;
        let text = text[..text.len().min(MOST)].escape_ascii().to_string();
        Self { what, text }
    }
}

/// A decimal number, and nothing else.
pub(super) fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}
