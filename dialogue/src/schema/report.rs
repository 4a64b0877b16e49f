//! Turns the errors of a validator into violations for the sender of the data.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::pattern::WrittenPatterns;
use super::union::{self, Reason, none_of, unknown_string};
use super::violation::Violation;

/// The maximum number of violations of one payload. This is enough to correct a form. With the limit on each text, they
/// have at most about 20 KiB.
const MAX_VIOLATIONS: usize = 20;

/// The schema that the sender knows. The validator was compiled from one with other patterns.
#[derive(Clone, Copy)]
struct Published<'s> {
    root: &'s Value,
    patterns: &'s WrittenPatterns,
}

/// The first violations that a validator of `root` found. For a union, these are the violations of the form that the
/// sender meant.
pub(super) fn violations<'a>(
    root: &Value,
    patterns: &WrittenPatterns,
    errors: impl Iterator<Item = ValidationError<'a>>,
) -> Vec<Violation> {
    let schema = Published { root, patterns };
    let mut found = Vec::new();
    for error in errors {
        explain(schema, &error, &mut found);
        if found.len() >= MAX_VIOLATIONS {
            found.truncate(MAX_VIOLATIONS);
            break;
        }
    }
    found
}

/// Turns one error into violations. Messages do not contain the values, because the sender has them.
fn explain(schema: Published<'_>, error: &ValidationError<'_>, found: &mut Vec<Violation>) {
    let message = match error.kind() {
        ValidationErrorKind::AnyOf { context } => return explain_union(schema, error, "anyOf", context, found),
        ValidationErrorKind::OneOfNotValid { context } => return explain_union(schema, error, "oneOf", context, found),
        ValidationErrorKind::OneOfMultipleValid { .. } => MORE_THAN_ONE.to_owned(),
        ValidationErrorKind::Pattern { pattern } => {
            format!("value does not match \"{}\"", schema.patterns.written(pattern))
        }
        ValidationErrorKind::PropertyNames { error: of_name } => match of_name.kind() {
            ValidationErrorKind::Pattern { pattern } => {
                format!(
                    "{} does not match \"{}\"",
                    of_name.instance(),
                    schema.patterns.written(pattern)
                )
            }
            _ => error.masked().to_string(),
        },
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
    schema: Published<'_>,
    error: &ValidationError<'_>,
    keyword: &'static str,
    context: &[Vec<ValidationError<'_>>],
    found: &mut Vec<Violation>,
) {
    let at = schema.patterns.published_place(error.schema_path().as_str());
    let reason = union::reason(schema.root, &at, keyword, error.instance());
    let place = error.instance_path().as_str();
    match reason {
        Reason::Form(index) if context.get(index).is_some_and(|errors| !errors.is_empty()) => {
            for error in context.get(index).into_iter().flatten() {
                if found.len() >= MAX_VIOLATIONS {
                    break;
                }
                explain(schema, error, found);
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
