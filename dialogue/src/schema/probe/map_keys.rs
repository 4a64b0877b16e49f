//! The keys of maps. The probe shows the type maps with each kind of key.

use serde_json::{Value, json};

use crate::schema::accepted_names::Names;
use crate::schema::decode::Reshape;
use crate::schema::error::SchemaError;
use crate::schema::graph::ROOT;
use crate::schema::sample::Sampler;
use crate::schema::string_forms::IntegerKeys;
use crate::schema::walk::Edge;

/// Finds out which keys the type reads in maps whose schema allows any text: variants of an enum, characters, booleans
/// or addresses. Other kinds of keys are left for `verify` to refuse.
/// Returns the schema that says so, if there is such a map.
pub(super) fn bound_text_keys(sampler: &Sampler<'_>, names: &Names, reshape: Reshape<'_>) -> Option<Value> {
    let graph = sampler.graph();
    let mut found = Vec::new();
    for node in 0..graph.len() {
        let Some(map) = graph.keywords(node) else {
            continue;
        };
        let restricted = ["properties", "patternProperties", "propertyNames"]
            .iter()
            .any(|keyword| map.contains_key(*keyword));
        let values = map.contains_key("additionalProperties") && !restricted;
        let mut values = graph
            .steps_from(node)
            .filter(|(_, step)| values && step.edge == Edge::Additional);
        let Some(value) = values.next().and_then(|(_, step)| sampler.least(step.to)) else {
            continue;
        };
        let reads_map = |map: Value| {
            sampler
                .carry(node, map)
                .is_some_and(|payload| reshape(&payload).is_ok())
        };
        let reads = |key: &str| reads_map(json!({ key: value }));
        if reads("no such key") || !reads_map(json!({})) {
            continue;
        }
        let asked = names.of_keys(&sampler.path(graph.way(node)));
        let listed: Vec<&str> = asked
            .into_iter()
            .chain(["false", "true"])
            .filter(|name| reads(name))
            .collect();
        let (keys, example) = match (reads("a") && reads("é"), reads("127.0.0.1"), reads("::1"), &listed[..]) {
            (true, ..) => (json!({ "minLength": 1, "maxLength": 1 }), "a"),
            (_, true, true, _) => (json!({ "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] }), "::1"),
            (_, true, ..) => (json!({ "format": "ipv4" }), "127.0.0.1"),
            (_, _, true, _) => (json!({ "format": "ipv6" }), "::1"),
            (.., [first, ..]) => (json!({ "enum": listed }), *first),
            _ => continue,
        };
        sampler.use_key(node, example);
        found.push((graph.at(node).to_owned(), keys));
    }
    if found.is_empty() {
        return None;
    }
    let mut schema = graph.schema(ROOT).clone();
    for (at, keys) in found {
        if let Some(Value::Object(map)) = schema.pointer_mut(&at) {
            map.insert("propertyNames".to_owned(), keys);
        }
    }
    Some(schema)
}

/// Finds out which integers the type reads as keys, where schemars says only that they are integers. Returns the schema
/// that says so, if there is such a map.
pub(super) fn bound_integer_keys(sampler: &Sampler<'_>, reshape: Reshape<'_>) -> Result<Option<Value>, SchemaError> {
    let graph = sampler.graph();
    let mut found = Vec::new();
    for step in graph.steps() {
        let Edge::Pattern(pattern) = &step.edge else {
            continue;
        };
        let value = sampler.least(step.to);
        let (Some(widest), Some(value)) = (IntegerKeys::of_pattern(pattern), value) else {
            continue;
        };
        let reads = |key: &str| {
            let payload = sampler.carry(step.from, json!({ key: value }));
            payload.is_some_and(|payload| reshape(&payload).is_ok())
        };
        // The keys are texts that look like integers, because the application declared such a pattern.
        if reads("007") {
            continue;
        }
        let at = graph.at(step.from).to_owned();
        match integer_keys(widest, reads) {
            Some(keys) => found.push((at, pattern.clone(), keys)),
            None => return Err(SchemaError::IntegerKeys { at }),
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let mut schema = graph.schema(ROOT).clone();
    // The pointer of an inner map contains the pattern of the outer one, which is found before it.
    for (at, pattern, keys) in found.into_iter().rev() {
        if let Some(Value::Object(map)) = schema.pointer_mut(&format!("{at}/patternProperties"))
            && let Some(value) = map.remove(&pattern)
        {
            map.insert(keys.pattern(), value);
        }
    }
    Ok(Some(schema))
}

fn integer_keys(widest: IntegerKeys, reads: impl Fn(&str) -> bool) -> Option<IntegerKeys> {
    const ABOVE: [u128; 8] = [
        u64::MAX as u128,
        i64::MAX as u128,
        u32::MAX as u128,
        i32::MAX as u128,
        u16::MAX as u128,
        i16::MAX as u128,
        u8::MAX as u128,
        i8::MAX as u128,
    ];
    const BELOW: [u128; 4] = [1 << 63, 1 << 31, 1 << 15, 1 << 7];
    let mut below = BELOW.into_iter().filter(|limit| *limit <= widest.below);
    Some(IntegerKeys {
        above: ABOVE.into_iter().find(|limit| reads(&limit.to_string()))?,
        below: below.find(|limit| reads(&format!("-{limit}"))).unwrap_or(0),
        zero: reads("0"),
    })
}
