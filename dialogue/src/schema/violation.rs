//! The report about invalid data of an event.
//!
//! A violation is sent back to the sender of the data. Its size must not grow with the size of the data, so the length
//! of the texts and of the list is limited.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::union::{self, Reason, unknown_string};

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

/// The first violations that a validator of `root` found. For a union, these are the violations of the form that the
/// sender meant.
pub(super) fn violations<'a>(root: &Value, errors: impl Iterator<Item = ValidationError<'a>>) -> Vec<Violation> {
    let mut found = Vec::new();
    for error in errors {
        explain(root, &error, &mut found);
        if found.len() >= MAX_VIOLATIONS {
            found.truncate(MAX_VIOLATIONS);
            break;
        }
    }
    found
}

/// Turns one error into violations. Messages do not contain the values, because the sender has them.
fn explain(root: &Value, error: &ValidationError<'_>, found: &mut Vec<Violation>) {
    let message = match error.kind() {
        ValidationErrorKind::AnyOf { context } => return explain_union(root, error, "anyOf", context, found),
        ValidationErrorKind::OneOfNotValid { context } => return explain_union(root, error, "oneOf", context, found),
        ValidationErrorKind::OneOfMultipleValid { .. } => MORE_THAN_ONE.to_owned(),
        ValidationErrorKind::FalseSchema => "nothing is allowed here".to_owned(),
        ValidationErrorKind::Enum { options } => {
            unknown_string(options, error.instance()).unwrap_or_else(|| error.masked().to_string())
        }
        _ => error.masked().to_string(),
    };
    found.push(Violation::new(
        error.instance_path().to_string(),
        error.kind().keyword(),
        message,
    ));
}

/// `context` has the errors of each form.
fn explain_union(
    root: &Value,
    error: &ValidationError<'_>,
    keyword: &'static str,
    context: &[Vec<ValidationError<'_>>],
    found: &mut Vec<Violation>,
) {
    let reason = union::reason(root, error.schema_path().as_str(), keyword, error.instance());
    let place = error.instance_path().as_str();
    match reason {
        Reason::Form(index) if context.get(index).is_some_and(|errors| !errors.is_empty()) => {
            for error in context.get(index).into_iter().flatten() {
                explain(root, error, found);
            }
        }
        Reason::Form(_) => found.push(Violation::new(place.to_owned(), keyword, none_of(context.len()))),
        Reason::Here { step, rule, message } => {
            found.push(Violation::new(format!("{place}{step}"), rule, message));
        }
    }
}

/// The message if a value matches more than one form.
pub(super) const MORE_THAN_ONE: &str = "value matches more than one form, but exactly one must match here";

/// The message if a value matches no form, and it is unclear which one the sender meant.
pub(super) fn none_of(forms: usize) -> String {
    format!("value matches none of the {forms} forms that are allowed here")
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
