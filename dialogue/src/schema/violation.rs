//! The report about invalid data of an event.
//!
//! A violation is sent back to the sender of the data. Its size must not grow with the size of the data, so the length
//! of the texts and of the list is limited.

use serde::{Deserialize, Serialize};

/// The maximum length of a violation's path, and of its message, in bytes: a few lines on a screen.
const MAX_TEXT: usize = 512;

/// One fault in an event's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Violation {
    /// The place of the fault: a JSON Pointer into the data. It is empty if the fault concerns the whole data. A path
    /// over 512 bytes is truncated and ends with `…`.
    pub path: String,
    /// The keyword of the schema that is not satisfied, such as `minLength`. It is `type` if the event's Rust type
    /// refuses the data.
    pub rule: String,
    /// The description of the fault, for people. A text over 512 bytes is truncated and ends with `…`.
    pub message: String,
}

impl Violation {
    pub(crate) fn type_mismatch(error: impl std::fmt::Display) -> Self {
        Self {
            path: String::new(),
            rule: "type".to_owned(),
            message: truncated(error.to_string()),
        }
    }

    pub(super) fn new(path: String, rule: &str, message: String) -> Self {
        Self {
            path: truncated(path),
            rule: rule.to_owned(),
            message: truncated(message),
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

impl std::error::Error for Violation {}

/// The texts of several violations in one line.
pub(crate) fn list(violations: &[Violation]) -> String {
    let texts: Vec<_> = violations.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// Truncates a text to [`MAX_TEXT`].
fn truncated(mut text: String) -> String {
    const MARK: char = '…';
    if text.len() > MAX_TEXT {
        let end = text.floor_char_boundary(MAX_TEXT - MARK.len_utf8());
        text.truncate(end);
        text.push(MARK);
    }
    text
}
