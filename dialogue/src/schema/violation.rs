//! What is wrong with an event's data.
//!
//! A violation goes back to whoever sent the data, so nothing in it grows with what was sent: the texts have a greatest
//! length and the list a greatest number.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde::{Deserialize, Serialize};

/// How many violations are told of one payload: enough to mend a form by, and with [`MAX_TEXT`] some 20 KiB at most.
const MAX_VIOLATIONS: usize = 20;

/// How many bytes a violation's path and message may each have: a few lines on a screen.
const MAX_TEXT: usize = 512;

/// One thing that is wrong with an event's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Violation {
    /// Where: a JSON Pointer into the data; empty for the whole. Cut short, with `…` at its end, past 512 bytes.
    pub path: String,
    /// The schema's keyword that is not satisfied, such as `minLength`; `type` when the event's Rust type refuses the
    /// data.
    pub rule: String,
    /// What is wrong, for people. Cut short, with `…` at its end, past 512 bytes.
    pub message: String,
}

impl Violation {
    pub(crate) fn type_mismatch(error: impl std::fmt::Display) -> Self {
        Self {
            path: String::new(),
            rule: "type".to_owned(),
            message: cut(error.to_string()),
        }
    }

    pub(super) fn new(path: String, rule: &str, message: String) -> Self {
        Self {
            path: cut(path),
            rule: rule.to_owned(),
            message: cut(message),
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// The first violations that a validator found, alternatives told by the one that was meant.
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

/// Turns one error into violations. The values in messages are left out: the sender has them.
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

/// What is wrong with a value that has more than one form.
pub(super) const MORE_THAN_ONE: &str = "value has more than one of the forms of which exactly one is allowed here";

/// What is wrong with a value of which no one form is meant.
pub(super) fn none_of(forms: usize) -> String {
    format!("value has none of the {forms} forms that are allowed here")
}

/// Of alternatives that all failed, the errors of the one that the sender meant: the only one whose type and
/// discriminating properties are right.
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

/// A text within [`MAX_TEXT`].
fn cut(mut text: String) -> String {
    const MARK: char = '…';
    if text.len() > MAX_TEXT {
        let end = text.floor_char_boundary(MAX_TEXT - MARK.len_utf8());
        text.truncate(end);
        text.push(MARK);
    }
    text
}
