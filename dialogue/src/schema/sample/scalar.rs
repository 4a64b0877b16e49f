//! Numbers and strings for samples.

use serde_json::{Map, Value, json};

use super::pattern;

/// Numbers around the limits of a schema, the most ordinary first.
pub(super) fn numbers(schema: &Map<String, Value>) -> Vec<Value> {
    let limits = ["minimum", "maximum"]
        .into_iter()
        .filter_map(|keyword| schema.get(keyword));
    let least = schema.get("minimum").and_then(Value::as_f64).unwrap_or(f64::MIN);
    let most = schema.get("maximum").and_then(Value::as_f64).unwrap_or(f64::MAX);
    let mut ordinary: Vec<Value> = Vec::new();
    if least <= 1.0 && 1.0 <= most {
        ordinary.push(json!(1));
    }
    let as_float = |limit: &Value| limit.as_f64().map(Value::from);
    ordinary.extend(limits.clone().cloned());
    ordinary.extend(limits.filter_map(as_float));
    ordinary.extend([json!(0), json!(-1), json!(2.0), json!(-0.0), json!(0.1), json!(-1e300)]);
    ordinary.extend([json!(u64::MAX), json!(i64::MIN), json!(u64::MAX as f64)]);
    ordinary
}

/// Strings that match a schema, the most ordinary first.
pub(super) fn strings(schema: &Map<String, Value>) -> Vec<Value> {
    let limit = |keyword| schema.get(keyword).and_then(Value::as_u64);
    let least = limit("minLength").unwrap_or(0);
    let most = limit("maxLength").unwrap_or(u64::MAX);
    let fits = |text: &String| (least..=most).contains(&(text.chars().count() as u64));
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        let examples = [0, 1, 3, 10, 40]
            .into_iter()
            .filter_map(|more| pattern::example(pattern, more));
        return examples.filter(fits).map(Value::String).collect();
    }
    let formats = match schema.get("format") {
        Some(Value::String(format)) => examples_of_format(format),
        _ => &[],
    };
    if !formats.is_empty() {
        return formats.iter().map(|&text| json!(text)).collect();
    }
    // A minimum length in the millions is not tried.
    let shortest = "a".repeat(usize::try_from(least.clamp(1, 100_000)).unwrap_or(1));
    let texts = [shortest.as_str(), "", "key", "é", "\0", "0", "two words"].map(str::to_owned);
    texts.into_iter().filter(fits).map(Value::String).collect()
}

/// Texts in a format that JSON Schema defines.
fn examples_of_format(format: &str) -> &'static [&'static str] {
    match format {
        "date" => &["2024-02-29"],
        "date-time" => &["2024-02-29T12:00:00Z", "1985-04-12T23:20:50.52-01:30"],
        "time" => &["12:00:00Z", "23:20:50.52+01:30"],
        "duration" => &["P1D", "PT36H", "P1Y2M"],
        "email" => &["a@example.org"],
        "hostname" => &["example.org"],
        "ipv4" => &["127.0.0.1"],
        "ipv6" => &["::1", "::ffff:127.0.0.1"],
        "uri" => &["https://example.org/a?b#c", "urn:a:b"],
        "iri" => &["https://example.org/é"],
        "uri-reference" | "iri-reference" => &["/a?b#c", ""],
        "uri-template" => &["/a/{b}"],
        "uuid" => &["67e55044-10b1-426f-9247-bb680e5fe0c8"],
        "json-pointer" => &["/a", ""],
        "relative-json-pointer" => &["1/a"],
        "regex" => &["a+"],
        _ => &[],
    }
}
