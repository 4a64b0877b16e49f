//! The translation from draft 2020-12 to draft-07, on which AsyncAPI's own schemas are based.
//!
//! Keywords that draft-07 does not have (`unevaluatedProperties`, `dependentRequired`, …) are left out.

use serde_json::{Map, Value, json};

use crate::schema::publish::{is_impossible, rewrite};

/// Translates a schema. References lead to the place where AsyncAPI keeps schemas. A property that nothing satisfies is
/// left out: generators would make a type for it.
pub(super) fn as_draft_07(schema: &Value) -> Value {
    rewrite(schema, &mut |schema| match schema {
        Value::Object(keywords) => Value::Object(older(keywords)),
        other => other,
    })
}

fn older(newer: Map<String, Value>) -> Map<String, Value> {
    let has_counts = newer.contains_key("minContains") || newer.contains_key("maxContains");
    let mut older = Map::new();
    for (keyword, value) in newer {
        let value = match (keyword.as_str(), value) {
            ("$ref", Value::String(reference)) => reference.replace("#/$defs/", "#/components/schemas/").into(),
            ("properties", Value::Object(mut properties)) => {
                properties.retain(|_, schema| !is_impossible(schema));
                properties.into()
            }
            ("$schema" | "$id" | "$anchor" | "$comment", _) => continue,
            ("unevaluatedProperties" | "unevaluatedItems" | "dependentRequired" | "dependentSchemas", _) => continue,
            ("minContains" | "maxContains", _) => continue,
            // Draft-07 does not know the counts, and `contains` alone would mean something else.
            ("contains", _) if has_counts => continue,
            (_, value) => value,
        };
        older.insert(keyword, value);
    }
    if let Some(prefix) = older.remove("prefixItems") {
        if let Some(rest) = older.remove("items") {
            older.insert("additionalItems".to_owned(), rest);
        }
        older.insert("items".to_owned(), prefix);
    }
    // Draft-07 ignores all keywords next to a reference.
    if older.len() > 1
        && let Some(reference) = older.remove("$ref")
    {
        let annotations: Map<String, Value> = ["title", "description", "default", "deprecated", "examples"]
            .iter()
            .filter_map(|keyword| older.remove_entry(*keyword))
            .collect();
        let mut beside = std::mem::replace(&mut older, annotations);
        let mut all = match beside.remove("allOf") {
            Some(Value::Array(all)) => all,
            _ => Vec::new(),
        };
        if !beside.is_empty() {
            all.insert(0, Value::Object(beside));
        }
        all.push(json!({ "$ref": reference }));
        older.insert("allOf".to_owned(), all.into());
    }
    older
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_that_draft_07_writes_differently_are_translated() {
        for (newer, older) in [
            (
                json!({ "type": "array", "prefixItems": [{ "$ref": "#/$defs/A" }], "items": {} }),
                json!({ "type": "array", "items": [{ "$ref": "#/components/schemas/A" }], "additionalItems": {} }),
            ),
            (
                json!({ "$ref": "#/$defs/A", "description": "An A.", "required": ["a"] }),
                json!({ "description": "An A.", "allOf": [{ "required": ["a"] }, { "$ref": "#/components/schemas/A" }] }),
            ),
            (
                json!({ "$ref": "#/$defs/A", "description": "An A." }),
                json!({ "description": "An A.", "allOf": [{ "$ref": "#/components/schemas/A" }] }),
            ),
            (
                json!({ "properties": { "unevaluatedProperties": { "unevaluatedProperties": false } } }),
                json!({ "properties": { "unevaluatedProperties": {} } }),
            ),
            (json!({ "contains": {}, "minContains": 0 }), json!({})),
            (
                json!({ "properties": { "a": {}, "b": { "not": {} } } }),
                json!({ "properties": { "a": {} } }),
            ),
        ] {
            assert_eq!(as_draft_07(&newer), older, "{newer}");
        }
    }
}
