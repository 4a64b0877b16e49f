//! The keys of maps. The probe shows the type maps with each kind of key.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::integer_keys::IntegerKeys;
use crate::schema::compile::SchemaError;
use crate::schema::decode::Reshape;
use crate::schema::sample::Sampler;
use crate::schema::walk;

/// Finds out which keys the type reads in maps whose schema allows any text: variants of an enum, characters, booleans
/// or addresses. Other kinds of keys are left for `verify` to refuse.
pub(super) fn bound_text_keys(schema: &mut Value, names: &BTreeSet<&'static str>, reshape: Reshape<'_>) {
    for at in walk::pointers(schema) {
        let Some(Value::Object(map)) = schema.pointer(&at) else {
            continue;
        };
        let restricted = ["properties", "patternProperties", "propertyNames"]
            .iter()
            .any(|keyword| map.contains_key(*keyword));
        let Some(values) = map.get("additionalProperties").filter(|_| !restricted) else {
            continue;
        };
        let sampler = Sampler::new(schema);
        let Some(value) = sampler.least(values) else {
            continue;
        };
        let reads_map = |map: Value| sampler.carry(&at, map).is_some_and(|payload| reshape(&payload).is_ok());
        let reads = |key: &str| reads_map(json!({ key: value }));
        if reads("no such key") || !reads_map(json!({})) {
            continue;
        }
        let listed: Vec<&str> = names
            .iter()
            .copied()
            .chain(["false", "true"])
            .filter(|name| reads(name))
            .collect();
        let keys = match (reads("a") && reads("é"), reads("127.0.0.1"), reads("::1")) {
            (true, ..) => json!({ "minLength": 1, "maxLength": 1 }),
            (_, true, true) => json!({ "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] }),
            (_, true, _) => json!({ "format": "ipv4" }),
            (_, _, true) => json!({ "format": "ipv6" }),
            _ if !listed.is_empty() => json!({ "enum": listed }),
            _ => continue,
        };
        if let Some(Value::Object(map)) = schema.pointer_mut(&at) {
            map.insert("propertyNames".to_owned(), keys);
        }
    }
}

/// Finds out which integers the type reads as keys, where schemars says only that they are integers.
pub(super) fn bound_integer_keys(schema: &mut Value, reshape: Reshape<'_>) -> Result<(), SchemaError> {
    let mut seen = BTreeSet::new();
    // One map at a time, outer maps first. An inner map is reached through a key of the outer map, and that key
    // changes.
    while let Some((at, pattern, widest)) = integer_keyed_map(schema, &seen) {
        seen.insert((at.clone(), pattern.clone()));
        let sampler = Sampler::new(schema);
        let map = format!("{at}/patternProperties");
        let Some(value) = schema.pointer(&map).and_then(|map| sampler.least(map.get(&pattern)?)) else {
            continue;
        };
        let reads = |key: &str| {
            let payload = sampler.carry(&at, json!({ key: value }));
            payload.is_some_and(|payload| reshape(&payload).is_ok())
        };
        // The keys are texts that look like integers, because the application declared such a pattern.
        if reads("007") {
            continue;
        }
        let keys = integer_keys(widest, reads).ok_or(SchemaError::IntegerKeys { at })?;
        if let Some(Value::Object(map)) = schema.pointer_mut(&map)
            && let Some(value) = map.remove(&pattern)
        {
            map.insert(keys.pattern(), value);
        }
    }
    Ok(())
}

/// The outermost map with integer keys that is not in `seen`: its place, the pattern of its keys, and the widest keys
/// that the pattern may mean.
fn integer_keyed_map(schema: &Value, seen: &BTreeSet<(String, String)>) -> Option<(String, String, IntegerKeys)> {
    walk::pointers(schema).into_iter().find_map(|at| {
        let patterns = schema
            .pointer(&at)?
            .get("patternProperties")?
            .as_object()?
            .keys()
            .cloned();
        let mut new = patterns
            .map(|pattern| (at.clone(), pattern))
            .filter(|map| !seen.contains(map));
        new.find_map(|(at, pattern)| IntegerKeys::of_pattern(&pattern).map(|widest| (at, pattern, widest)))
    })
}

fn integer_keys(widest: IntegerKeys, reads: impl Fn(&str) -> bool) -> Option<IntegerKeys> {
    const ABOVE: [u64; 8] = [
        u64::MAX,
        i64::MAX as u64,
        u32::MAX as u64,
        i32::MAX as u64,
        u16::MAX as u64,
        i16::MAX as u64,
        u8::MAX as u64,
        i8::MAX as u64,
    ];
    const BELOW: [u64; 4] = [
        i64::MIN.unsigned_abs(),
        i32::MIN.unsigned_abs() as u64,
        i16::MIN.unsigned_abs() as u64,
        i8::MIN.unsigned_abs() as u64,
    ];
    let mut below = BELOW.into_iter().filter(|limit| *limit <= widest.below);
    Some(IntegerKeys {
        above: ABOVE.into_iter().find(|limit| reads(&limit.to_string()))?,
        below: below.find(|limit| reads(&format!("-{limit}"))).unwrap_or(0),
        zero: reads("0"),
    })
}
