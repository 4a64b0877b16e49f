//! The variants of unions with a tag, in the form that code generators read. The union accepts the same data.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::reference::referred;
use crate::schema::publish::rewrite;

/// Prepares the variants of unions with a tag. A variant that is a tag next to a reference gets the properties of the
/// type that it refers to. `types` are all types by name, in draft 2020-12.
pub(super) fn with_plain_variants(schema: &Value, types: &BTreeMap<String, Value>) -> Value {
    rewrite(schema, &mut |schema| match schema {
        Value::Object(mut keywords) => {
            for union in ["oneOf", "anyOf"] {
                if let Some(Value::Array(variants)) = keywords.get_mut(union)
                    && variants.iter().all(|variant| tags(variant).next().is_some())
                {
                    variants.iter_mut().for_each(|variant| merge_reference(variant, types));
                }
            }
            Value::Object(keywords)
        }
        other => other,
    })
}

/// Moves the properties next to a union of objects into each of its variants. Generators read a variant by its tag, or
/// ignore what is next to a union, so a variant must be complete.
pub(super) fn with_complete_variants(schema: &Value) -> Value {
    rewrite(schema, &mut |schema| match schema {
        Value::Object(mut keywords) => {
            spread_properties(&mut keywords);
            Value::Object(keywords)
        }
        other => other,
    })
}

/// The keywords of an object that say only which properties it has, and what it is about.
const PLAIN: [&str; 6] = ["type", "title", "description", "properties", "required", "deprecated"];

fn is_plain_object(schema: &Value) -> bool {
    schema.as_object().is_some_and(|keywords| {
        keywords.get("type") == Some(&json!("object"))
            && keywords.keys().all(|keyword| PLAIN.contains(&keyword.as_str()))
    })
}

/// Adds the properties of the referenced type to a variant, if that type is a plain object.
fn merge_reference(variant: &mut Value, types: &BTreeMap<String, Value>) {
    let target = variant.as_object().and_then(referred).and_then(|name| types.get(name));
    if let (Some(target), Value::Object(own)) = (target.filter(|target| is_plain_object(target)), variant)
        && has_other_properties(own, target)
    {
        own.remove("$ref");
        add_properties(own, target);
    }
}

/// Moves the properties next to a union into its variants, if all of them are plain objects.
fn spread_properties(keywords: &mut Map<String, Value>) {
    let Some((union, Value::Array(mut variants))) = ["oneOf", "anyOf"]
        .into_iter()
        .find_map(|union| Some((union, keywords.get(union)?.clone())))
    else {
        return;
    };
    let mut beside = keywords.clone();
    beside.remove(union);
    // The first of these covers the properties of the variants, too. The others describe the union.
    for outside in [
        "unevaluatedProperties",
        "title",
        "description",
        "deprecated",
        "examples",
    ] {
        beside.remove(outside);
    }
    let beside = Value::Object(beside);
    let fits = |variant: &Value| {
        let own = variant.as_object().filter(|_| is_plain_object(variant));
        own.is_some_and(|own| has_other_properties(own, &beside))
    };
    if !is_plain_object(&beside) || beside.get("properties").is_none() || !variants.iter().all(fits) {
        return;
    }
    for variant in variants.iter_mut().filter_map(Value::as_object_mut) {
        add_properties(variant, &beside);
    }
    for moved in ["type", "properties", "required"] {
        keywords.remove(moved);
    }
    keywords.insert(union.to_owned(), variants.into());
}

/// Whether an object has no property that the other one has.
fn has_other_properties(own: &Map<String, Value>, other: &Value) -> bool {
    let names = |schema: Option<&Value>| -> Vec<String> {
        let properties = schema.and_then(Value::as_object);
        properties.map_or(Vec::new(), |properties| properties.keys().cloned().collect())
    };
    let own = names(own.get("properties"));
    names(other.get("properties")).iter().all(|name| !own.contains(name))
}

/// Adds the properties of another object to an object.
fn add_properties(own: &mut Map<String, Value>, other: &Value) {
    let mut properties = own
        .get("properties")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    properties.extend(
        other
            .get("properties")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
    );
    let mut required = own
        .get("required")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    required.extend(
        other
            .get("required")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default(),
    );
    own.insert("properties".to_owned(), properties.into());
    own.insert("required".to_owned(), required.into());
}

/// The properties that must have one certain text, with that text.
pub(super) fn tags(schema: &Value) -> impl Iterator<Item = (&str, &str)> {
    let required: Vec<&str> = match schema.get("required") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    properties
        .filter(move |(name, _)| required.contains(&name.as_str()))
        .filter_map(|(name, schema)| Some((name.as_str(), schema.get("const")?.as_str()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_next_to_a_reference_gets_its_properties() {
        let types = BTreeMap::from([(
            "Author".to_owned(),
            json!({ "type": "object", "title": "Author", "properties": { "name": {} }, "required": ["name"] }),
        )]);
        let tagged = json!({ "oneOf": [
            { "type": "object", "properties": { "t": { "const": "a" } }, "required": ["t"], "$ref": "#/$defs/Author" },
        ] });
        assert_eq!(
            with_plain_variants(&tagged, &types),
            json!({ "oneOf": [
                { "type": "object", "properties": { "t": { "const": "a" }, "name": {} }, "required": ["t", "name"] },
            ] })
        );
    }

    #[test]
    fn a_variant_gets_the_properties_next_to_the_union() {
        let variant = |tag: &str, properties: Value, required: Value| {
            let mut properties = properties;
            properties["t"] = json!({ "const": tag });
            json!({ "type": "object", "properties": properties, "required": required })
        };
        let flat = json!({
            "type": "object", "description": "Flat.", "properties": { "own": {} }, "required": ["own"],
            "oneOf": [variant("a", json!({}), json!(["t"])), variant("b", json!({ "c": {} }), json!(["t", "c"]))],
        });
        assert_eq!(
            with_complete_variants(&flat),
            json!({
                "description": "Flat.",
                "oneOf": [
                    variant("a", json!({ "own": {} }), json!(["t", "own"])),
                    variant("b", json!({ "c": {}, "own": {} }), json!(["t", "c", "own"])),
                ],
            })
        );
        for (keyword, value) in [
            ("additionalProperties", json!(false)),
            ("oneOf", json!([variant("a", json!({ "own": {} }), json!(["t"]))])),
            ("oneOf", json!([{ "$ref": "#/$defs/A" }])),
        ] {
            let mut other = flat.clone();
            other[keyword] = value;
            assert_eq!(with_complete_variants(&other), other);
        }
    }
}
