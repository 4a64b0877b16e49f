//! Numbers, strings and keys for samples, and what single keywords say about an instance.

use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::pattern;
use crate::schema::compile::compile;
use crate::schema::string_forms;
use crate::schema::subschemas::types_of;
use crate::schema::walk;

/// The type of the instance to make: the first type of the schema, or the type that its keywords imply.
pub(super) fn first_type(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(only)) => Some(only),
        Some(Value::Array(several)) => several.first()?.as_str(),
        _ if schema.contains_key("properties") || schema.contains_key("additionalProperties") => Some("object"),
        _ if schema.contains_key("format") || schema.contains_key("pattern") => Some("string"),
        _ => None,
    }
}

/// Whether there is a text or number for a schema whose first type is `kind`.
pub(super) fn is_possible(schema: &Map<String, Value>, kind: Option<&str>) -> bool {
    kind != Some("string") || !strings(schema).is_empty()
}

/// The names of the required properties.
pub(super) fn required(schema: &Map<String, Value>) -> HashSet<&str> {
    let names = schema.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether the common keywords of a schema allow a value. It may be `true` for a value that the schema does not allow.
pub(super) fn may_fit(schema: &Map<String, Value>, value: &Value) -> bool {
    let is_type = !schema.contains_key("type")
        || types_of(value)
            .iter()
            .any(|kind| walk::has_type(schema, kind) && (*kind != "integer" || is_whole(value)));
    let listed = schema.get("enum").and_then(Value::as_array);
    let compared = |keyword: &str| schema.get(keyword).and_then(|limit| compare(value, limit));
    let is_within = compared("minimum").is_none_or(Ordering::is_ge)
        && compared("maximum").is_none_or(Ordering::is_le)
        && compared("exclusiveMinimum").is_none_or(Ordering::is_gt)
        && compared("exclusiveMaximum").is_none_or(Ordering::is_lt);
    is_type && is_within && listed.is_none_or(|listed| listed.contains(value))
}

/// Compares two numbers, integers exactly.
fn compare(number: &Value, limit: &Value) -> Option<Ordering> {
    let integer = |number: &Value| match number.as_i64().map(i128::from).or(number.as_u64().map(i128::from)) {
        Some(integer) => Some(integer),
        // All floats in this range are exact.
        None => number
            .as_f64()
            .filter(|float| float.fract() == 0.0 && float.abs() < 1e30)
            .map(|float| float as i128),
    };
    match (integer(number), integer(limit)) {
        (Some(number), Some(limit)) => Some(number.cmp(&limit)),
        _ => number.as_f64()?.partial_cmp(&limit.as_f64()?),
    }
}

fn is_whole(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

/// A text that a schema allows, as a key of a map.
pub(super) fn text(root: &Value, schema: &Value) -> Option<String> {
    let target = walk::reference(schema).and_then(|target| root.pointer(&target));
    let keywords = target.unwrap_or(schema).as_object()?;
    let listed = keywords.get("enum").and_then(Value::as_array);
    if let Some(text) = keywords.get("const").or_else(|| listed?.first()) {
        return text.as_str().map(str::to_owned);
    }
    let forms = ["anyOf", "oneOf"]
        .into_iter()
        .find_map(|keyword| keywords.get(keyword)?.as_array());
    match forms {
        Some(forms) => forms.iter().find_map(|form| text(root, form)),
        None => strings(keywords).first()?.as_str().map(str::to_owned),
    }
}

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

/// The length of a long text. Types that limit the length of a text usually allow less.
pub(super) const LONG: usize = 1_000;

/// Strings that match a schema, the most ordinary first.
pub(super) fn strings(schema: &Map<String, Value>) -> Vec<Value> {
    let limit = |keyword| schema.get(keyword).and_then(Value::as_u64);
    let least = limit("minLength").unwrap_or(0);
    let most = limit("maxLength").unwrap_or(u64::MAX);
    let fits = |text: &String| (least..=most).contains(&(text.chars().count() as u64));
    let format = schema.get("format").and_then(Value::as_str);
    // Few texts of their patterns name a time zone that exists.
    let formatted = string_forms::examples_of_format(format.unwrap_or_default());
    if !formatted.is_empty() {
        return formatted.iter().map(|&text| json!(text)).collect();
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        if let Some(format @ [_, ..]) = format.map(examples_of_format)
            && let Ok((validator, _)) = compile(&Value::Object(schema.clone()))
        {
            let of_format = format.iter().map(|&text| json!(text));
            let of_pattern = [0, 1].into_iter().filter_map(|more| pattern::example(pattern, more));
            let all = of_format.chain(of_pattern.map(Value::String));
            return all.filter(|text| validator.is_valid(text)).collect();
        }
        let examples = [0, 1, 3, 10, 40]
            .into_iter()
            .filter_map(|more| pattern::example(pattern, more));
        return examples.filter(fits).map(Value::String).collect();
    }
    let formats = examples_of_format(format.unwrap_or_default());
    if !formats.is_empty() {
        return formats.iter().map(|&text| json!(text)).collect();
    }
    // A minimum length in the millions is not tried.
    let shortest = "a".repeat(usize::try_from(least.clamp(1, 100_000)).unwrap_or(1));
    let texts = [shortest.as_str(), "", "key", "é", "\0", "0", "two words"].map(str::to_owned);
    let long = "a".repeat(LONG);
    texts
        .into_iter()
        .chain([long])
        .filter(fits)
        .map(Value::String)
        .collect()
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
