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

/// Adds the properties of the referenced type to a variant, if that type is a plain object.
fn merge_reference(variant: &mut Value, types: &BTreeMap<String, Value>) {
    const PLAIN: [&str; 6] = ["type", "title", "description", "properties", "required", "deprecated"];
    let target = variant.as_object().and_then(referred).and_then(|name| types.get(name));
    let (Some(Value::Object(target)), Value::Object(own)) = (target, variant) else {
        return;
    };
    let is_plain = target.keys().all(|keyword| PLAIN.contains(&keyword.as_str()));
    let properties = |keywords: &Map<String, Value>| match keywords.get("properties") {
        Some(Value::Object(properties)) => properties.clone(),
        _ => Map::new(),
    };
    let (mut merged, more) = (properties(own), properties(target));
    if !is_plain || target.get("type") != Some(&json!("object")) || more.keys().any(|name| merged.contains_key(name)) {
        return;
    }
    merged.extend(more);
    let required = |keywords: &Map<String, Value>| match keywords.get("required") {
        Some(Value::Array(names)) => names.clone(),
        _ => Vec::new(),
    };
    let names = [required(own), required(target)].concat();
    own.remove("$ref");
    own.insert("properties".to_owned(), merged.into());
    own.insert("required".to_owned(), names.into());
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
}
