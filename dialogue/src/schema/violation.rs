//! The report about invalid data of an event.
//!
//! A violation is sent back to the sender of the data. Its size must not grow with the size of the data, so the length
//! of the texts and of the list is limited.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde::{Deserialize, Serialize};

/// The maximum number of violations of one payload. This is enough to correct a form, and with [`MAX_TEXT`] it is at
/// most about 20 KiB.
const MAX_VIOLATIONS: usize = 20;

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

/// The first violations that a validator found. For a union, these are the violations of the alternative that the
/// sender meant.
pub(super) fn violations<'a>(errors: impl Iterator<Item = ValidationError<'a>>) -> Vec<Violation> {
    let mut found = Vec::new();
    for error in errors {
        explain(&error, &mut found);
        if found.len() >= MAX_VIOLATIONS {
            found.truncate(MAX_VIOLATIONS);
            break;
        }
    }
    found
}

/// Turns one error into violations. Messages do not contain the values, because the sender has them.
fn explain(error: &ValidationError<'_>, found: &mut Vec<Violation>) {
    let message = match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            if let Some(meant) = meant(error, context) {
                for error in meant {
                    explain(error, found);
                }
                return;
            }
            none_of(context.len())
        }
        ValidationErrorKind::OneOfMultipleValid { .. } => MORE_THAN_ONE.to_owned(),
        ValidationErrorKind::FalseSchema => "nothing is allowed here".to_owned(),
        _ => error.masked().to_string(),
    };
    found.push(Violation::new(
        error.instance_path().to_string(),
        error.kind().keyword(),
        message,
    ));
}

/// The message if a value matches more than one form.
pub(super) const MORE_THAN_ONE: &str = "value matches more than one form, but exactly one must match here";

/// The message if a value matches no form, and it is unclear which one the sender meant.
pub(super) fn none_of(forms: usize) -> String {
    format!("value matches none of the {forms} forms that are allowed here")
}

/// The errors of the alternative that the sender meant, if all alternatives failed. It is the only one whose type and
/// discriminating properties match.
fn meant<'e, 'a>(
    union: &ValidationError<'_>,
    alternatives: &'e [Vec<ValidationError<'a>>],
) -> Option<&'e [ValidationError<'a>]> {
    let here = union.instance_path().as_str();
    let mut candidates = alternatives.iter().filter(|errors| {
        !errors.iter().any(|error| {
            let below = error.instance_path().as_str().strip_prefix(here).unwrap_or_default();
            match error.kind() {
                ValidationErrorKind::Type { .. } | ValidationErrorKind::Required { .. } => below.is_empty(),
                ValidationErrorKind::AdditionalProperties { .. } => below.is_empty(),
                // A tag is a constant property of the alternative itself.
                ValidationErrorKind::Constant { .. } => below.matches('/').count() <= 1,
                ValidationErrorKind::Enum { .. } => below.is_empty(),
                _ => false,
            }
        })
    });
    let first = candidates.next()?;
    candidates.next().is_none().then_some(first.as_slice())
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
