//! The conversion of data from JSON into its Rust type, and back.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use super::plain_numbers::to_value;
use super::violation::Violation;

/// Converts data into a type and back. The result is the data in the form that the type writes.
pub(super) type Reshape<'r> = &'r dyn Fn(&Value) -> Result<Value, Violation>;

/// Converts data into its Rust type.
///
/// JSON Schema calls `3.0` an integer, but serde does not. If a type refuses the data, it is offered a second time,
/// with whole floats written as integers.
pub(crate) fn decode<E: DeserializeOwned>(data: &Value) -> Result<E, Violation> {
    E::deserialize(data).or_else(|refusal| {
        let mut whole = data.clone();
        if !write_integers(&mut whole) {
            return Err(Violation::type_mismatch(refusal));
        }
        E::deserialize(&whole).map_err(Violation::type_mismatch)
    })
}

/// Converts data into its Rust type and back. The result has the form that the type writes.
pub(crate) fn reshape<E: DeserializeOwned + Serialize>(data: Value) -> Result<Value, Violation> {
    let read = if has_integral_floats(&data) {
        decode::<E>(&data)?
    } else {
        // There would be no second attempt, so the type can take the data itself instead of a copy.
        E::deserialize(data).map_err(Violation::type_mismatch)?
    };
    to_value(read).map_err(Violation::type_mismatch)
}

/// Whether the data contains a number that [`write_integers`] would replace.
fn has_integral_floats(data: &Value) -> bool {
    match data {
        Value::Number(number) => integer(number).is_some(),
        Value::Array(items) => items.iter().any(has_integral_floats),
        Value::Object(fields) => fields.values().any(has_integral_floats),
        _ => false,
    }
}

/// Replaces floats that are exact 64-bit integers by these integers. Returns whether there were any.
fn write_integers(data: &mut Value) -> bool {
    match data {
        Value::Number(number) => match integer(number) {
            Some(integer) => {
                *number = integer;
                true
            }
            None => false,
        },
        // `any` would stop at the first one.
        Value::Array(items) => items.iter_mut().fold(false, |found, item| write_integers(item) | found),
        Value::Object(fields) => fields
            .values_mut()
            .fold(false, |found, field| write_integers(field) | found),
        _ => false,
    }
}

/// The 64-bit integer that equals a float, if there is one.
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
    fn whole_floats_become_integers_and_other_floats_stay() {
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
        assert!(violation.message.len() <= 512, "{}", violation.message.len());
        assert!(violation.message.ends_with('…'));
        assert_eq!(violation.rule, "type");
    }
}
