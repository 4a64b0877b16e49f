//! What to write where a type refuses data that its schema allows.

use serde_json::Value;

/// A text from this length on is refused because it is too long.
const LONG: usize = 100;

/// Where the attribute belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The schema is written at the field, where the attributes of schemars for its kind apply.
    Field,
    /// The schema is shared by all fields of the type. At a field, schemars applies `extend` only.
    Type,
    /// The schema is of a map, and its keys are refused.
    Map,
}

/// What to write, after the refusal of `value` with the error `message`.
pub(super) fn remedy(value: &Value, message: &str, target: Target) -> String {
    if let Some(field) = missing_field(message) {
        return format!("add `#[serde(default)]` to the field `{field}`, or `#[schemars(required)]`");
    }
    let (of_field, of_type) = match value {
        Value::String(text) if text.is_empty() => ("length(min = 1)", r#""minLength" = 1"#),
        Value::String(text) if text.len() >= LONG => ("length(max = …)", r#""maxLength" = …"#),
        Value::String(_) => (r#"regex(pattern = "…")"#, r#""pattern" = "…""#),
        Value::Number(number) if number.as_f64().is_some_and(|number| number <= 0.0) => {
            ("range(min = …)", r#""minimum" = …"#)
        }
        Value::Number(_) => ("range(max = …)", r#""maximum" = …"#),
        Value::Array(_) => ("length(min = …, max = …)", r#""minItems" = …, "maxItems" = …"#),
        _ => return "describe this rule with `#[schemars(…)]`, or check it in a hook".to_owned(),
    };
    let is_form = matches!(value, Value::String(text) if !text.is_empty() && text.len() < LONG);
    let or_format = if is_form {
        r#", or `#[schemars(extend("format" = "…"))]` if a format of JSON Schema describes it"#
    } else {
        ""
    };
    match target {
        Target::Field => format!("add `#[schemars({of_field})]` to the field{or_format}"),
        Target::Type => format!("add `#[schemars(extend({of_type}))]` to the type{or_format}"),
        Target::Map => {
            let keyword = of_type.replace(" =", ":");
            format!(r#"add `#[schemars(extend("propertyNames" = {{ {keyword} }}))]` to the field of the map"#)
        }
    }
}

/// The name in serde's error about a missing field.
pub(super) fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_value_has_its_attribute() {
        for (value, target, attribute) in [
            (
                json!("a"),
                Target::Field,
                r#"#[schemars(regex(pattern = "…"))]` to the field"#,
            ),
            (
                json!("a"),
                Target::Type,
                r#"#[schemars(extend("pattern" = "…"))]` to the type"#,
            ),
            (
                json!("a"),
                Target::Map,
                r#"extend("propertyNames" = { "pattern": "…" })"#,
            ),
            (json!(""), Target::Field, "length(min = 1)"),
            (json!("a".repeat(1000)), Target::Type, r#"extend("maxLength" = …)"#),
            (json!(-1), Target::Field, "range(min = …)"),
            (json!(255), Target::Type, r#"extend("maximum" = …)"#),
            (json!([]), Target::Type, r#"extend("minItems" = …, "maxItems" = …)"#),
            (json!({}), Target::Type, "#[schemars(…)]"),
        ] {
            let text = remedy(&value, "no", target);
            assert!(text.contains(attribute), "{text}");
        }
        let text = remedy(&json!({}), "missing field `a`", Target::Field);
        assert!(text.contains("`#[serde(default)]` to the field `a`"), "{text}");
    }
}
