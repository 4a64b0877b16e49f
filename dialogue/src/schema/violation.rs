//! What is wrong with an event's data, and its way into the event's type.
//!
//! A violation goes back to whoever sent the data, so nothing in it grows with what was sent: the texts have a greatest
//! length and the list a greatest number.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

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

/// Data into its Rust type.
///
/// JSON Schema calls `3.0` an integer; serde's integers do not. So what a type refuses as sent is offered once more with
/// whole numbers written as such.
pub(crate) fn decode<E: DeserializeOwned>(data: &Value) -> Result<E, Violation> {
    E::deserialize(data).or_else(|refusal| {
        let mut whole = data.clone();
        if !write_integers(&mut whole) {
            return Err(Violation::type_mismatch(refusal));
        }
        E::deserialize(&whole).map_err(Violation::type_mismatch)
    })
}

/// Data as its Rust type writes it, once read.
pub(crate) fn reshape<E: DeserializeOwned + Serialize>(data: Value) -> Result<Value, Violation> {
    let read = if has_integral_floats(&data) {
        decode::<E>(&data)?
    } else {
        // There is nothing to offer once more, so that the type may have what is in the data instead of copies.
        E::deserialize(data).map_err(Violation::type_mismatch)?
    };
    serde_json::to_value(read).map_err(Violation::type_mismatch)
}

/// Whether there is anything that [`write_integers`] would replace.
fn has_integral_floats(data: &Value) -> bool {
    match data {
        Value::Number(number) => integer(number).is_some(),
        Value::Array(items) => items.iter().any(has_integral_floats),
        Value::Object(fields) => fields.values().any(has_integral_floats),
        _ => false,
    }
}

/// Replaces floats that are integers of 64 bits by these integers; tells whether there were any.
fn write_integers(data: &mut Value) -> bool {
    match data {
        Value::Number(number) => match integer(number) {
            Some(integer) => {
                *number = integer;
                true
            }
            None => false,
        },
        // Not `any`, which would stop at the first.
        Value::Array(items) => items.iter_mut().fold(false, |found, item| write_integers(item) | found),
        Value::Object(fields) => fields
            .values_mut()
            .fold(false, |found, field| write_integers(field) | found),
        _ => false,
    }
}

/// The integer that a float is exactly, if it has 64 bits.
fn integer(number: &Number) -> Option<Number> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;
    let float = number
        .as_f64()
        .filter(|float| number.is_f64() && float.fract() == 0.0)?;
    if (0.0..TWO_TO_64).contains(&float) {
        Some(Number::from(float as u64))
    } else if (-TWO_TO_63..0.0).contains(&float) {
        Some(Number::from(float as i64))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_floats_become_the_integers_they_are_and_others_stay() {
        let mut data = json!([3.0, 1e2, -0.0, -2.0, 1.5, 9223372036854775808.0, 18446744073709551616.0, { "a": -9223372036854775808.0 }]);
        assert!(has_integral_floats(&data));
        assert!(write_integers(&mut data));
        assert_eq!(
            data.to_string(),
            r#"[3,100,0,-2,1.5,9223372036854775808,1.8446744073709552e+19,{"a":-9223372036854775808}]"#
        );
        let mut none = json!([1, 1.5, "3.0", null, { "a": [2] }]);
        assert!(!has_integral_floats(&none) && !write_integers(&mut none));
    }

    #[test]
    fn a_type_that_takes_the_data_as_sent_gets_it_as_sent() {
        assert_eq!(
            decode::<Value>(&json!({ "a": 3.0 })).unwrap().to_string(),
            r#"{"a":3.0}"#
        );
    }

    #[test]
    fn a_refusal_does_not_send_the_input_back() {
        let violation = decode::<u8>(&json!("é".repeat(40_000))).unwrap_err();
        assert!(violation.message.len() <= MAX_TEXT, "{}", violation.message.len());
        assert!(violation.message.ends_with('…'));
        assert_eq!(violation.rule, "type");
    }
}
