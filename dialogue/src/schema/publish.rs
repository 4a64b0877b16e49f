//! The published form of a schema. It accepts the same data as the enforced schema, and more tools can read it: it
//! contains no boolean schemas, and the names of its definitions need no escaping.
//!
//! Two booleans stay: `additionalProperties: false` and `unevaluatedProperties: false`. All tools know them as the way to
//! close an object.

use std::collections::{BTreeMap, HashSet};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::walk;

/// The published form of a schema.
pub(crate) fn published(schema: &Value) -> Value {
    plainly_named(without_booleans(schema))
}

/// The same schema, with `{}` in place of `true` and `{ "not": {} }` in place of `false`.
pub(crate) fn without_booleans(schema: &Value) -> Value {
    rewrite(schema, &mut |schema| match schema {
        Value::Bool(true) => json!({}),
        Value::Bool(false) => json!({ "not": {} }),
        Value::Object(mut keywords) => {
            for closing in ["additionalProperties", "unevaluatedProperties"] {
                if let Some(schema) = keywords.get_mut(closing).filter(|schema| is_impossible(schema)) {
                    *schema = Value::Bool(false);
                }
            }
            if keywords.get("items").is_some_and(is_impossible) {
                keywords.remove("items");
                limit_items(&mut keywords);
            }
            if keywords.get("not").is_some_and(is_impossible) {
                keywords.remove("not");
            }
            name_keys(&mut keywords);
            Value::Object(keywords)
        }
        other => other,
    })
}

/// Whether a schema is the published form of `false`. A title or description may stand next to it.
pub(crate) fn is_impossible(schema: &Value) -> bool {
    schema.get("not").and_then(Value::as_object).is_some_and(Map::is_empty)
}

/// Says with `maxItems` that an array has no items but those of `prefixItems`.
fn limit_items(keywords: &mut Map<String, Value>) {
    let listed = keywords
        .get("prefixItems")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let most = keywords.get("maxItems").and_then(Value::as_f64);
    if most.is_none_or(|most| most > listed as f64) {
        keywords.insert("maxItems".to_owned(), listed.into());
    }
}

/// Says with `propertyNames` which keys a map has. Many tools ignore `patternProperties`.
fn name_keys(keywords: &mut Map<String, Value>) {
    let is_closed = keywords.get("additionalProperties") == Some(&Value::Bool(false));
    let names_none = !keywords.contains_key("properties") && !keywords.contains_key("propertyNames");
    let Some(Value::Object(patterns)) = keywords.get("patternProperties").filter(|_| is_closed && names_none) else {
        return;
    };
    let mut patterns = patterns.iter();
    let (Some((pattern, schema)), None) = (patterns.next(), patterns.next()) else {
        return;
    };
    let (pattern, schema) = (pattern.clone(), schema.clone());
    keywords.remove("patternProperties");
    keywords.insert("propertyNames".to_owned(), json!({ "pattern": pattern }));
    keywords.insert("additionalProperties".to_owned(), schema);
}

/// A copy of a schema in which `change` has replaced each subschema, inner ones first, and then the schema itself.
pub(crate) fn rewrite(schema: &Value, change: &mut dyn FnMut(Value) -> Value) -> Value {
    let Value::Object(keywords) = schema else {
        return change(schema.clone());
    };
    let mut rewritten = Map::new();
    for (keyword, value) in keywords {
        let value = match (keyword.as_str(), value) {
            ("properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas", Value::Object(map)) => {
                map.iter()
                    .map(|(name, schema)| (name.clone(), rewrite(schema, change)))
                    .collect()
            }
            ("prefixItems" | "anyOf" | "oneOf" | "allOf", Value::Array(list)) => {
                list.iter().map(|schema| rewrite(schema, change)).collect()
            }
            (
                "items"
                | "additionalItems"
                | "additionalProperties"
                | "unevaluatedProperties"
                | "unevaluatedItems"
                | "contains"
                | "propertyNames"
                | "not"
                | "if"
                | "then"
                | "else",
                schema,
            ) => rewrite(schema, change),
            (_, value) => value.clone(),
        };
        rewritten.insert(keyword.clone(), value);
    }
    change(Value::Object(rewritten))
}

/// The same schema. The names of its definitions consist of `A-Z a-z 0-9 _`, and each definition has a title.
fn plainly_named(mut schema: Value) -> Value {
    // References in a schema with an id of its own may lead to definitions of its own.
    if walk::pointers(&schema)
        .iter()
        .filter_map(|at| schema.pointer(at))
        .any(|part| part.get("$id").is_some())
    {
        return schema;
    }
    let Some(Value::Object(definitions)) = schema.get_mut("$defs").map(Value::take) else {
        return schema;
    };
    let renamed = plain_names(definitions.keys());
    let named = definitions.into_iter().map(|(name, mut definition)| {
        let name = renamed.get(&name).cloned().unwrap_or(name);
        if let Value::Object(keywords) = &mut definition {
            keywords.entry("title").or_insert_with(|| name.clone().into());
        }
        (name, definition)
    });
    schema["$defs"] = named.collect();
    if renamed.iter().all(|(old, new)| old == new) {
        return schema;
    }
    rewrite(&schema, &mut |mut schema| {
        let renamed = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| redirected(reference, &renamed));
        if let Some(reference) = renamed {
            schema["$ref"] = reference.into();
        }
        schema
    })
}

/// A plain name for each name. Names that are plain already stay.
fn plain_names<'n>(names: impl Iterator<Item = &'n String> + Clone) -> BTreeMap<String, String> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let (plain, other): (Vec<_>, Vec<_>) = names.partition(|name| !name.is_empty() && name.chars().all(is_plain));
    let mut taken: HashSet<String> = plain.iter().map(|name| (*name).clone()).collect();
    let mut renamed: BTreeMap<String, String> = plain.iter().map(|name| ((*name).clone(), (*name).clone())).collect();
    for name in other {
        let base = name.replace(|character| !is_plain(character), "_");
        let base = if base.is_empty() { "_".to_owned() } else { base };
        let mut wanted = base.clone();
        let mut number = 2;
        while !taken.insert(wanted.clone()) {
            wanted = format!("{base}_{number}");
            number += 1;
        }
        renamed.insert(name.clone(), wanted);
    }
    renamed
}

/// A reference to a definition, or to a part of one, under its new name. `None` if it leads elsewhere.
fn redirected(reference: &str, renamed: &BTreeMap<String, String>) -> Option<String> {
    let decoded = percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
    let path = decoded.strip_prefix("/$defs/")?;
    let (name, rest) = path.find('/').map_or((path, ""), |end| path.split_at(end));
    let new = renamed.get(&name.replace("~1", "/").replace("~0", "~"))?;
    if rest.is_empty() {
        return Some(format!("#/$defs/{new}"));
    }
    // The rest of the path keeps its escapes.
    let written = reference.splitn(4, '/').nth(3)?;
    Some(format!("#/$defs/{new}/{written}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(schema: Value, expected: Value) {
        assert_eq!(published(&schema), expected, "{schema}");
    }

    #[test]
    fn booleans_become_objects_except_where_they_close_an_object() {
        becomes(json!(true), json!({}));
        becomes(json!(false), json!({ "not": {} }));
        becomes(json!({ "not": false }), json!({}));
        becomes(json!({ "not": true }), json!({ "not": {} }));
        becomes(
            json!({ "properties": { "a": true, "not": false }, "additionalProperties": false }),
            json!({ "properties": { "a": {}, "not": { "not": {} } }, "additionalProperties": false }),
        );
        becomes(
            json!({ "additionalProperties": true, "unevaluatedProperties": { "not": true } }),
            json!({ "additionalProperties": {}, "unevaluatedProperties": false }),
        );
        becomes(
            json!({ "const": { "items": false }, "examples": [true] }),
            json!({ "const": { "items": false }, "examples": [true] }),
        );
    }

    #[test]
    fn the_keys_of_a_map_have_a_schema() {
        becomes(
            json!({ "patternProperties": { "^[0-9]+$": { "type": "string" } }, "additionalProperties": false }),
            json!({ "propertyNames": { "pattern": "^[0-9]+$" }, "additionalProperties": { "type": "string" } }),
        );
        let with_names = json!({
            "properties": { "a": {} }, "patternProperties": { "^b": {} }, "additionalProperties": false,
        });
        becomes(with_names.clone(), with_names);
    }

    #[test]
    fn closed_arrays_have_a_limit() {
        becomes(json!({ "items": false }), json!({ "maxItems": 0 }));
        becomes(
            json!({ "prefixItems": [true, {}], "items": false }),
            json!({ "prefixItems": [{}, {}], "maxItems": 2 }),
        );
        becomes(
            json!({ "prefixItems": [true, {}], "items": false, "maxItems": 1 }),
            json!({ "prefixItems": [{}, {}], "maxItems": 1 }),
        );
    }

    #[test]
    fn definitions_have_plain_names_and_references_follow() {
        becomes(
            json!({
                "anyOf": [{ "$ref": "#/$defs/a~1b%20c" }, { "$ref": "#/$defs/a_b_c" }, { "$ref": "#/$defs/a~1b%20c/properties/x%20y" }],
                "$defs": { "a/b c": { "properties": { "x y": true } }, "a_b_c": { "title": "Own", "$ref": "#" } },
            }),
            json!({
                "anyOf": [{ "$ref": "#/$defs/a_b_c_2" }, { "$ref": "#/$defs/a_b_c" }, { "$ref": "#/$defs/a_b_c_2/properties/x%20y" }],
                "$defs": {
                    "a_b_c_2": { "title": "a_b_c_2", "properties": { "x y": {} } },
                    "a_b_c": { "title": "Own", "$ref": "#" },
                },
            }),
        );
    }
}
