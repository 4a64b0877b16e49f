//! Values as JSON Schema compares them: `1` and `1.0` are the same number, and the order of keys does not matter.

use serde_json::{Number, Value};

/// A value in which equal numbers are written in one way, and keys are sorted.
pub(super) fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(whole(number)),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(properties) => {
            let mut plain: Value = properties
                .iter()
                .map(|(name, value)| (name.clone(), self::plain(value)))
                .collect();
            plain.sort_all_objects();
            plain
        }
        other => other.clone(),
    }
}

/// A whole float as an integer. Floats beyond 2^53 stay: not every integer there is a float.
fn whole(number: &Number) -> Number {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT => Number::from(float as i64),
        _ => number.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_numbers_are_written_in_one_way() {
        assert_eq!(plain(&json!([1.0, -0.0, { "a": 2.0 }])), json!([1, 0, { "a": 2 }]));
        assert_eq!(plain(&json!(1.5)), json!(1.5));
        assert_eq!(plain(&json!(1e300)), json!(1e300));
    }
}
