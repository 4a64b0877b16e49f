//! The forms of schemas that code generators read. They know fewer forms than JSON Schema has.
//!
//! - A union of objects with a tag gets a `discriminator`. Without one, Java cannot tell variants with the same fields
//!   apart.
//! - A constant becomes an `enum` with one value, unless it is such a tag. Generators write invalid code for other
//!   constants, and for defaults.
//! - A union of texts becomes one `enum`.
//! - An item or map value that may be `null` becomes a union. As a property, a list of types is understood.
//! - Rust's integer formats become `int32` or `int64`. Generators choose the width of a number by them.

use serde_json::{Map, Value, json};

use crate::contract::variants::tags;
use crate::schema::publish::rewrite;

/// Marks the constant of a tag until all other constants have become enums.
const TAG: &str = "x-tag";

/// Rewrites a schema of draft-07 into the forms that generators read.
pub(super) fn for_generators(schema: &Value) -> Value {
    let marked = rewrite(schema, &mut |schema| match schema {
        Value::Object(mut keywords) => {
            mark_tags(&mut keywords);
            Value::Object(keywords)
        }
        other => other,
    });
    rewrite(&marked, &mut |schema| match schema {
        Value::Object(mut keywords) => {
            keywords.remove("default");
            one_value(&mut keywords);
            texts_as_enum(&mut keywords);
            nulls_as_unions(&mut keywords);
            width(&mut keywords);
            Value::Object(keywords)
        }
        other => other,
    })
}

/// Adds a `discriminator` to a union if all its variants are objects that require one property with different texts.
fn mark_tags(keywords: &mut Map<String, Value>) {
    if keywords.contains_key("properties") {
        return;
    }
    for union in ["oneOf", "anyOf"] {
        let Some(Value::Array(variants)) = keywords.get_mut(union) else {
            continue;
        };
        let is_tag = |name: &&str| {
            let texts: Vec<_> = variants
                .iter()
                .map(|variant| tags(variant).find(|(tag, _)| tag == name).map(|(_, text)| text))
                .collect();
            let are_distinct = (1..texts.len()).all(|at| !texts[..at].contains(&texts[at]));
            are_distinct && texts.iter().all(Option::is_some)
        };
        let common = variants
            .first()
            .and_then(|first| tags(first).map(|(name, _)| name).find(is_tag));
        let Some(tag) = common.map(str::to_owned).filter(|_| variants.len() > 1) else {
            continue;
        };
        for property in variants
            .iter_mut()
            .filter_map(|variant| variant.get_mut("properties")?.get_mut(&tag))
        {
            if let Some(keywords) = property.as_object_mut()
                && let Some(text) = keywords.remove("const")
            {
                keywords.insert(TAG.to_owned(), text);
            }
        }
        keywords.insert("discriminator".to_owned(), tag.into());
    }
}

/// Writes a constant as an `enum`, or as the constant of a tag.
fn one_value(keywords: &mut Map<String, Value>) {
    let (keyword, value) = match (keywords.remove(TAG), keywords.remove("const")) {
        (Some(text), _) => ("const", text),
        (None, Some(value)) => ("enum", json!([value])),
        (None, None) => return,
    };
    let one = value.get(0).unwrap_or(&value);
    let kind = match one {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    keywords.entry("type").or_insert_with(|| kind.into());
    keywords.insert(keyword.to_owned(), value);
}

/// Writes a union of texts as one `enum`. The descriptions of the texts become part of its description.
fn texts_as_enum(keywords: &mut Map<String, Value>) {
    for union in ["oneOf", "anyOf"] {
        if keywords.contains_key("type") || keywords.contains_key("enum") {
            return;
        }
        let texts = |variant: &Value| match (variant.get("type"), variant.get("enum")) {
            (Some(Value::String(kind)), Some(Value::Array(texts))) if kind == "string" => Some(texts.clone()),
            _ => None,
        };
        let Some(Value::Array(variants)) = keywords.get(union) else {
            continue;
        };
        let Some(all) = variants.iter().map(texts).collect::<Option<Vec<_>>>() else {
            continue;
        };
        let mut description: Vec<String> = Vec::new();
        description.extend(keywords.get("description").and_then(Value::as_str).map(str::to_owned));
        description.extend(
            variants
                .iter()
                .zip(&all)
                .filter_map(|(variant, texts)| match texts.as_slice() {
                    [Value::String(text)] => Some(format!("`{text}`: {}", variant.get("description")?.as_str()?)),
                    _ => None,
                }),
        );
        keywords.remove(union);
        keywords.insert("type".to_owned(), "string".into());
        keywords.insert("enum".to_owned(), all.concat().into());
        if !description.is_empty() {
            keywords.insert("description".to_owned(), description.join("\n\n").into());
        }
    }
}

/// Writes items and map values that may be `null` as unions.
fn nulls_as_unions(keywords: &mut Map<String, Value>) {
    for holder in ["items", "additionalItems", "additionalProperties", "contains"] {
        match keywords.get_mut(holder) {
            Some(Value::Array(items)) => items.iter_mut().for_each(null_as_union),
            Some(item) => null_as_union(item),
            None => {}
        }
    }
}

fn null_as_union(schema: &mut Value) {
    let Value::Object(keywords) = schema else {
        return;
    };
    let Some(Value::Array(types)) = keywords.get("type") else {
        return;
    };
    if !types.contains(&json!("null")) || keywords.contains_key("enum") {
        return;
    }
    let mut rest: Vec<Value> = types.iter().filter(|kind| **kind != "null").cloned().collect();
    let kind = if rest.len() == 1 { rest.remove(0) } else { rest.into() };
    let description = keywords.remove("description");
    keywords.insert("type".to_owned(), kind);
    let mut union = json!({ "anyOf": [Value::Object(std::mem::take(keywords)), { "type": "null" }] });
    if let Some(description) = description {
        union["description"] = description;
    }
    *schema = union;
}

/// Writes the format of an integer as the narrowest of two that generators know.
fn width(keywords: &mut Map<String, Value>) {
    let wide = match keywords.get("format").and_then(Value::as_str) {
        Some("int8" | "int16" | "int32" | "uint8" | "uint16") => "int32",
        Some("int" | "uint" | "int64" | "uint32" | "uint64") => "int64",
        _ => return,
    };
    keywords.insert("format".to_owned(), wide.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(schema: Value, expected: Value) {
        assert_eq!(for_generators(&schema), expected, "{schema}");
    }

    #[test]
    fn constants_are_enums_and_defaults_are_left_out() {
        becomes(json!({ "const": "a" }), json!({ "type": "string", "enum": ["a"] }));
        becomes(json!({ "const": 1.5 }), json!({ "type": "number", "enum": [1.5] }));
        becomes(
            json!({ "properties": { "default": { "type": "string", "default": "a" } } }),
            json!({ "properties": { "default": { "type": "string" } } }),
        );
        becomes(
            json!({ "description": "Sizes.", "oneOf": [{ "const": "S", "description": "Small." }, { "enum": ["M", "L"], "type": "string" }] }),
            json!({ "description": "Sizes.\n\n`S`: Small.", "type": "string", "enum": ["S", "M", "L"] }),
        );
    }

    #[test]
    fn a_union_of_tagged_objects_has_a_discriminator() {
        let variant = |tag: Value| json!({ "required": ["t"], "properties": { "t": tag } });
        becomes(
            json!({ "oneOf": [variant(json!({ "const": "a" })), variant(json!({ "const": "b" }))] }),
            json!({
                "discriminator": "t",
                "oneOf": [variant(json!({ "type": "string", "const": "a" })), variant(json!({ "type": "string", "const": "b" }))],
            }),
        );
        let same = json!({ "oneOf": [variant(json!({ "const": "a" })), variant(json!({ "const": "a" }))] });
        assert_eq!(for_generators(&same).get("discriminator"), None);
    }

    #[test]
    fn items_that_may_be_null_are_unions_and_integers_have_a_known_width() {
        becomes(
            json!({ "items": { "type": ["boolean", "null"] }, "properties": { "a": { "type": ["boolean", "null"] } } }),
            json!({
                "items": { "anyOf": [{ "type": "boolean" }, { "type": "null" }] },
                "properties": { "a": { "type": ["boolean", "null"] } },
            }),
        );
        becomes(json!({ "format": "uint8" }), json!({ "format": "int32" }));
        becomes(json!({ "format": "uint32" }), json!({ "format": "int64" }));
    }
}
