//! The keywords of one node, written in one way: sorted, without those that say nothing.

use std::collections::BTreeSet;

use serde_json::{Number, Value, json};

use super::graph::Node;
use super::same_value::plain;

/// The types of JSON, each with the keywords that restrict only its values.
pub(super) const TYPES: [(&str, &[&str]); 7] = [
    ("null", &[]),
    ("boolean", &[]),
    ("integer", NUMBERS),
    ("number", NUMBERS),
    ("string", &["minLength", "maxLength", "pattern", "format"]),
    (
        "array",
        &[
            "items",
            "prefixItems",
            "contains",
            "minItems",
            "maxItems",
            "uniqueItems",
            "unevaluatedItems",
            "minContains",
            "maxContains",
        ],
    ),
    (
        "object",
        &[
            "properties",
            "patternProperties",
            "additionalProperties",
            "unevaluatedProperties",
            "propertyNames",
            "required",
            "minProperties",
            "maxProperties",
            "dependentSchemas",
            "dependentRequired",
        ],
    ),
];

const NUMBERS: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];

/// Whether a keyword restricts only values of some types.
pub(super) fn is_of_types(keyword: &str) -> bool {
    TYPES.iter().any(|(_, keywords)| keywords.contains(&keyword))
}

/// Whether a keyword restricts values of this type.
pub(super) fn restricts(keyword: &str, kind: &str) -> bool {
    !is_of_types(keyword)
        || TYPES
            .iter()
            .any(|(known, keywords)| *known == kind && keywords.contains(&keyword))
}

/// Writes the keywords of a node in one way.
pub(super) fn tidy(node: &mut Node) {
    if node.is_never {
        return;
    }
    for value in node.words.values_mut() {
        *value = plain(value);
    }
    values(node);
    types(node);
    only_type(node);
    whole_limits(node);
    lists(node);
    node.words.retain(|keyword, value| !says_nothing(keyword, value));
}

/// Writes `const` as an `enum`, sorted and without repetition.
fn values(node: &mut Node) {
    if let Some(constant) = node.words.remove("const") {
        let is_listed = match node.words.get("enum") {
            Some(Value::Array(values)) => values.contains(&constant),
            _ => true,
        };
        if !is_listed {
            *node = Node::never();
            return;
        }
        node.words.insert("enum".to_owned(), json!([constant]));
    }
    let kinds = node.words.get("type").map(types_of);
    if let Some(Value::Array(values)) = node.words.get_mut("enum") {
        if let Some(kinds) = kinds {
            values.retain(|value| kinds.iter().any(|kind| has_type(value, kind)));
            node.words.remove("type");
        }
        sort_values(node);
    }
}

/// Sorts the values of an `enum`, and leaves out repetitions.
pub(super) fn sort_values(node: &mut Node) {
    if let Some(Value::Array(values)) = node.words.get_mut("enum") {
        values.sort_by_cached_key(Value::to_string);
        values.dedup();
        if values.is_empty() {
            *node = Node::never();
        }
    }
}

/// The names of types in a `type`.
pub(super) fn types_of(listed: &Value) -> Vec<String> {
    match listed {
        Value::String(only) => vec![only.clone()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn has_type(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        Value::Number(number) => kind == "number" || (kind == "integer" && is_whole(number)),
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    }
}

fn is_whole(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

/// Writes a list of types in order. Numbers include integers, and one type needs no list.
fn types(node: &mut Node) {
    let Some(listed) = node.words.get("type") else {
        return;
    };
    let mut kinds: BTreeSet<String> = types_of(listed).into_iter().collect();
    if kinds.contains("number") {
        kinds.remove("integer");
    }
    let kinds: Vec<String> = kinds.into_iter().collect();
    let written = match kinds.as_slice() {
        [] => {
            *node = Node::never();
            return;
        }
        [only] if only == "null" => {
            node.words.remove("type");
            node.words.insert("enum".to_owned(), json!([null]));
            return;
        }
        [only] => json!(only),
        several => json!(several),
    };
    node.words.insert("type".to_owned(), written);
}

/// Leaves out the keywords that only restrict values of other types.
fn only_type(node: &mut Node) {
    let kinds: BTreeSet<String> = match (node.words.get("type"), node.words.get("enum")) {
        (Some(listed), _) => types_of(listed).into_iter().collect(),
        (None, Some(Value::Array(values))) => {
            let kinds = values
                .iter()
                .flat_map(|value| TYPES.iter().filter(|(kind, _)| has_type(value, kind)));
            kinds.map(|(kind, _)| (*kind).to_owned()).collect()
        }
        _ => return,
    };
    let matters = |keyword: &str| kinds.iter().any(|kind| restricts(keyword, kind));
    node.words.retain(|keyword, _| matters(keyword));
    node.parts.retain(|(keyword, _), _| matters(keyword));
    if !matters("prefixItems") {
        node.prefix.clear();
    }
}

/// Writes the limits of integers with `minimum` and `maximum`.
fn whole_limits(node: &mut Node) {
    if node.words.get("type").is_none_or(|kind| kind != "integer") {
        return;
    }
    for (exclusive, inclusive, step) in [("exclusiveMinimum", "minimum", 1), ("exclusiveMaximum", "maximum", -1)] {
        if node.words.contains_key(inclusive) {
            continue;
        }
        let limit = node
            .words
            .get(exclusive)
            .and_then(Value::as_i64)
            .and_then(|limit| limit.checked_add(step));
        if let Some(limit) = limit {
            node.words.remove(exclusive);
            node.words.insert(inclusive.to_owned(), json!(limit));
        }
    }
}

/// Sorts the lists whose order has no meaning.
fn lists(node: &mut Node) {
    if let Some(Value::Array(names)) = node.words.get_mut("required") {
        names.sort_by_cached_key(Value::to_string);
        names.dedup();
    }
    if let Some(Value::Object(lists)) = node.words.get_mut("dependentRequired") {
        for names in lists.values_mut().filter_map(Value::as_array_mut) {
            names.sort_by_cached_key(Value::to_string);
            names.dedup();
        }
    }
}

fn says_nothing(keyword: &str, value: &Value) -> bool {
    match keyword {
        "required" | "dependentRequired" => *value == json!([]) || *value == json!({}),
        "minLength" | "minItems" | "minProperties" => *value == json!(0),
        "uniqueItems" => *value == json!(false),
        // A default of `null` counts as no default.
        "default" => value.is_null(),
        _ => false,
    }
}
