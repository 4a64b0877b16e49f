//! The translation of JSON Schema into TypeScript types. It covers the schemas that schemars generates for derived
//! types, and the keywords that users may add to them.
//!
//! A type helps people in an editor; it isn't a validator. The server checks lengths, ranges, patterns and formats. An
//! object has an index signature unless `additionalProperties` is `false` or absent. Without one, a misspelt property
//! is an error. Keywords with no counterpart (`not`, `if`, `contains`, references to the middle of a schema) are left
//! out. The type then allows more, and at worst it is `unknown`.

use serde_json::{Map, Value};

use super::comment::{INDENT, tsdoc};
use super::expression::{Expression, intersection, literal, property_name, reference, union};
use crate::contract::reference::referred;
use crate::schema::publish::is_impossible;

/// Arrays of a fixed length up to this become tuples. Longer ones stay arrays.
const LONGEST_TUPLE: u64 = 16;

/// `export type Name = …;` with its documentation.
pub(super) fn declaration(name: &str, schema: &Value) -> String {
    let (description, tags) = annotations(schema);
    format!(
        "{}export type {name} = {};\n",
        tsdoc(description, &tags, 0),
        expression(schema, 0).text
    )
}

/// The type of a schema's instances. Lines after the first are indented by `indent`.
fn expression(schema: &Value, indent: usize) -> Expression {
    if is_never(schema) {
        return Expression::atom("never");
    }
    let schema = match schema {
        Value::Object(schema) => schema,
        _ => return Expression::atom("unknown"),
    };
    if let Some(constant) = schema.get("const") {
        return Expression::atom(literal(constant));
    }
    if let Some(Value::Array(values)) = schema.get("enum") {
        return union(values.iter().map(|value| Expression::atom(literal(value))));
    }
    let list = |keyword: &str| schema.get(keyword).and_then(Value::as_array).into_iter().flatten();
    let mut parts = vec![own(schema, indent)];
    if schema.contains_key("$ref") {
        parts.push(Expression::atom(reference(referred(schema))));
    }
    for keyword in ["anyOf", "oneOf"] {
        if schema.contains_key(keyword) {
            parts.push(union(list(keyword).map(|one| expression(one, indent))));
        }
    }
    parts.extend(list("allOf").map(|one| expression(one, indent)));
    intersection(parts)
}

/// The type of a schema without its references and combinations.
fn own(schema: &Map<String, Value>, indent: usize) -> Expression {
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(only)) => vec![only],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ if OBJECT.iter().any(|keyword| schema.contains_key(*keyword)) => vec!["object"],
        _ => return Expression::atom("unknown"),
    };
    union(types.into_iter().map(|kind| match kind {
        "null" | "boolean" | "string" => Expression::atom(kind),
        "integer" | "number" => Expression::atom("number"),
        "array" => array(schema, indent),
        "object" => object(schema, indent),
        _ => Expression::atom("unknown"),
    }))
}

/// Keywords that apply only to objects. A schema without `type` describes objects if it has one of them.
const OBJECT: [&str; 4] = [
    "properties",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
];

fn array(schema: &Map<String, Value>, indent: usize) -> Expression {
    let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
    let prefix = schema
        .get("prefixItems")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let items = schema.get("items").unwrap_or(&Value::Null);
    let least = limit("minItems").unwrap_or(0);
    let most = limit("maxItems").unwrap_or(u64::MAX);
    let length = prefix.len() as u64;
    if length == 0 && !(least == most && most <= LONGEST_TUPLE) {
        let item = expression(items, indent).into_operand();
        return Expression::atom(format!("{item}[]"));
    }
    let listed = length
        .max(if least == most && most <= LONGEST_TUPLE {
            most
        } else {
            0
        })
        .min(most);
    let mut elements = Vec::new();
    for (at, schema) in prefix.iter().chain(std::iter::repeat(items)).enumerate() {
        let at = at as u64;
        if at == listed {
            break;
        }
        let item = expression(schema, indent);
        elements.push(if at < least {
            item.text
        } else {
            format!("{}?", item.into_operand())
        });
    }
    if most > listed && !is_never(items) {
        elements.push(format!("...{}[]", expression(items, indent).into_operand()));
    }
    Expression::atom(format!("[{}]", elements.join(", ")))
}

fn object(schema: &Map<String, Value>, indent: usize) -> Expression {
    let inner = indent + INDENT;
    let space = " ".repeat(inner);
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let declared = schema.get("properties").and_then(Value::as_object);
    let undeclared = required
        .iter()
        .filter(|name| declared.is_none_or(|declared| !declared.contains_key(**name)))
        .map(|name| (*name, &Value::Bool(true)));
    let properties: Vec<(&str, &Value)> = declared
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.as_str(), schema))
        .chain(undeclared)
        // A property that must be absent is not declared. Nobody wants to read a list of absent properties.
        .filter(|(name, schema)| !is_never(schema) || required.contains(name))
        .collect();
    let mut body = String::new();
    let mut types = Vec::new();
    for &(name, schema) in &properties {
        let (description, mut tags) = annotations(schema);
        let kind = expression(schema, inner);
        let mark = if required.contains(&name) { "" } else { "?" };
        if let Some(default) = default(schema).filter(|_| !mark.is_empty()) {
            tags.push(format!("@defaultValue `{default}`"));
        }
        body += &tsdoc(description, &tags, inner);
        body += &format!("{space}{}{mark}: {};\n", property_name(name), kind.text);
        types.push(kind);
        if !mark.is_empty() {
            types.push(Expression::atom("undefined"));
        }
    }
    let rest = undeclared_properties(schema);
    if rest.is_empty() && body.is_empty() {
        let values = match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => "never",
            _ => "unknown",
        };
        return Expression::atom(format!("Record<string, {values}>"));
    }
    if !rest.is_empty() {
        let keys = schema.get("propertyNames").and_then(|names| names.get("enum"));
        let value = union(rest.into_iter().map(|schema| expression(schema, inner)));
        if let (Some(keys), true) = (keys.and_then(Value::as_array), body.is_empty()) {
            let keys = union(keys.iter().map(|key| Expression::atom(literal(key))));
            return Expression::atom(format!("{{ [key in {}]?: {} }}", keys.text, value.text));
        }
        // TypeScript requires every property to have the type of the index signature.
        let all = union(std::iter::once(value).chain(types));
        body += &format!("{space}[key: string]: {};\n", all.text);
    }
    Expression::atom(format!("{{\n{body}{}}}", " ".repeat(indent)))
}

/// The schemas of properties that are not declared by name. Empty if such properties are forbidden.
fn undeclared_properties(schema: &Map<String, Value>) -> Vec<&Value> {
    let patterns = schema
        .get("patternProperties")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::values);
    ["additionalProperties", "unevaluatedProperties"]
        .into_iter()
        .filter_map(|keyword| schema.get(keyword))
        .chain(patterns)
        .filter(|schema| !is_never(schema))
        .collect()
}

/// Whether a schema has no instances.
fn is_never(schema: &Value) -> bool {
    *schema == Value::Bool(false) || is_impossible(schema)
}

/// The texts of a schema for people: its description, and a tag if it is deprecated.
fn annotations(schema: &Value) -> (Option<&str>, Vec<String>) {
    let description = schema.get("description").and_then(Value::as_str);
    let mut tags = Vec::new();
    if schema.get("deprecated") == Some(&Value::Bool(true)) {
        tags.push("@deprecated".to_owned());
    }
    (description, tags)
}

/// The default of an optional property. A default of `null`, as for every `Option`, is left out.
fn default(schema: &Value) -> Option<&Value> {
    schema.get("default").filter(|default| !default.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn reads(schema: Value, expected: &str) {
        assert_eq!(expression(&schema, 0).text, expected, "{schema}");
    }

    #[test]
    fn scalars_literals_and_alternatives_are_unions() {
        reads(json!(true), "unknown");
        reads(json!({}), "unknown");
        reads(json!(false), "never");
        reads(json!({ "title": "Never", "not": {} }), "never");
        reads(json!({ "type": "integer", "format": "uint8" }), "number");
        reads(json!({ "type": ["string", "null"] }), "string | null");
        reads(json!({ "type": "string", "enum": ["a", "b\"c"] }), r#""a" | "b\"c""#);
        reads(json!({ "const": { "a-b": [1, null] } }), r#"{ "a-b": [1, null] }"#);
        reads(
            json!({ "anyOf": [{ "$ref": "#/$defs/Author" }, { "type": "null" }] }),
            "Author | null",
        );
        reads(
            json!({ "oneOf": [{ "type": "number" }, { "type": "integer" }] }),
            "number",
        );
        reads(json!({ "anyOf": [{}, { "type": "null" }] }), "unknown");
    }

    #[test]
    fn keywords_next_to_a_reference_or_alternatives_apply_too() {
        reads(
            json!({ "type": "object", "properties": { "own": { "type": "string" } }, "required": ["own"],
                    "oneOf": [{ "$ref": "#/$defs/A" }, { "$ref": "#/$defs/B" }] }),
            "{\n  own: string;\n} & (A | B)",
        );
        reads(json!({ "allOf": [{ "$ref": "#/$defs/A" }, false] }), "never");
        reads(json!({ "$ref": "#/$defs/A/properties/a" }), "unknown");
    }

    #[test]
    fn arrays_of_a_fixed_length_are_tuples() {
        reads(
            json!({ "type": "array", "items": { "type": ["string", "null"] } }),
            "(string | null)[]",
        );
        reads(json!({ "type": "array" }), "unknown[]");
        reads(
            json!({ "type": "array", "prefixItems": [{ "type": "string" }, {}], "minItems": 2, "maxItems": 2 }),
            "[string, unknown]",
        );
        reads(
            json!({ "type": "array", "items": { "type": "number" }, "minItems": 3, "maxItems": 3 }),
            "[number, number, number]",
        );
        reads(
            json!({ "type": "array", "items": {}, "minItems": 0, "maxItems": 0 }),
            "[]",
        );
        reads(
            json!({ "type": "array", "items": { "type": "number" }, "minItems": 30, "maxItems": 30 }),
            "number[]",
        );
        reads(
            json!({ "type": "array", "prefixItems": [{ "type": "string" }, { "type": "null" }], "minItems": 1, "items": false }),
            "[string, null?]",
        );
        reads(
            json!({ "type": "array", "prefixItems": [{ "type": "string" }], "minItems": 1, "items": { "type": "number" } }),
            "[string, ...number[]]",
        );
    }

    #[test]
    fn properties_are_optional_unless_required_and_quoted_if_necessary() {
        reads(
            json!({ "type": "object", "required": ["a-b", "ghost"], "properties": {
                "a-b": { "type": "string", "description": "Ends */ here." },
                "c": { "type": "integer", "default": 3, "deprecated": true },
                "2": { "not": {} },
            } }),
            "{\n  /** Ends *\\/ here. */\n  \"a-b\": string;\n  /**\n   * @deprecated\n   * @defaultValue `3`\n   */\n  c?: number;\n  ghost: unknown;\n}",
        );
    }

    #[test]
    fn maps_have_index_signatures_that_every_property_fits() {
        reads(
            json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            "{\n  [key: string]: string;\n}",
        );
        reads(
            json!({ "type": "object", "additionalProperties": false, "patternProperties": { "^[0-9]+$": { "type": "boolean" } } }),
            "{\n  [key: string]: boolean;\n}",
        );
        reads(
            json!({ "type": "object", "properties": { "own": { "type": "string" } }, "additionalProperties": { "type": "number" } }),
            "{\n  own?: string;\n  [key: string]: number | string | undefined;\n}",
        );
        reads(
            json!({ "type": "object", "propertyNames": { "enum": ["a", "b"] }, "additionalProperties": { "type": "number" } }),
            r#"{ [key in "a" | "b"]?: number }"#,
        );
        reads(json!({ "type": "object" }), "Record<string, unknown>");
        reads(
            json!({ "type": "object", "additionalProperties": false }),
            "Record<string, never>",
        );
    }
}
