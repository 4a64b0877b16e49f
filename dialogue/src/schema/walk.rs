//! The structure of a JSON Schema: its subschemas, their places, and how an instance contains an instance of each.
//!
//! Knows the keywords that contain schemas. Knows nothing about their meaning for a Rust type.

use std::borrow::Cow;
use std::collections::HashSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// How an instance of a schema contains an instance of one of its subschemas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Under this property.
    Property(String),
    /// Under a property that matches this pattern.
    Pattern(String),
    /// Under an undeclared property.
    Additional,
    /// As an item.
    Item,
    /// As the item at this place.
    Prefix(usize),
    /// As itself: the subschema is an alternative, or the target of a reference.
    Same,
    /// As itself, together with the other schemas of an `allOf`.
    All,
    /// Not at all: the subschema is a definition or a condition for others.
    Aside,
}

/// The direct subschemas of a schema, each with its JSON Pointer relative to the schema.
pub(crate) fn children(schema: &Value) -> Vec<(Edge, String)> {
    #[cfg(test)]
    super::cost::visit_schema();
    let Value::Object(schema) = schema else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (keyword, value) in schema {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(map)) => named(&mut found, keyword, map, |name| Edge::Property(name.clone())),
            ("patternProperties", Value::Object(map)) => {
                named(&mut found, keyword, map, |pattern| Edge::Pattern(pattern.clone()));
            }
            ("$defs" | "definitions" | "dependentSchemas" | "dependencies", Value::Object(map)) => {
                named(&mut found, keyword, map, |_| Edge::Aside);
            }
            ("prefixItems", Value::Array(list)) => listed(&mut found, keyword, list, Edge::Prefix),
            ("anyOf" | "oneOf", Value::Array(list)) => listed(&mut found, keyword, list, |_| Edge::Same),
            ("allOf", Value::Array(list)) => listed(&mut found, keyword, list, |_| Edge::All),
            // Before draft 2020-12, `items` could be what `prefixItems` is now.
            ("items", Value::Array(list)) => listed(&mut found, keyword, list, Edge::Prefix),
            ("items", _) => found.push((Edge::Item, "/items".to_owned())),
            ("additionalProperties" | "unevaluatedProperties", _) => {
                found.push((Edge::Additional, format!("/{keyword}")));
            }
            (
                "contains" | "not" | "if" | "then" | "else" | "propertyNames" | "unevaluatedItems" | "additionalItems",
                _,
            ) => {
                found.push((Edge::Aside, format!("/{keyword}")));
            }
            _ => {}
        }
    }
    found
}

fn named(found: &mut Vec<(Edge, String)>, keyword: &str, schemas: &Map<String, Value>, edge: impl Fn(&String) -> Edge) {
    found.extend(
        schemas
            .keys()
            .map(|name| (edge(name), format!("/{keyword}/{}", escape(name)))),
    );
}

fn listed(found: &mut Vec<(Edge, String)>, keyword: &str, schemas: &[Value], edge: impl Fn(usize) -> Edge) {
    found.extend((0..schemas.len()).map(|index| (edge(index), format!("/{keyword}/{index}"))));
}

/// The JSON Pointers of all schemas in `root`, including `root` itself, outer ones first.
pub(crate) fn pointers(root: &Value) -> Vec<String> {
    let mut all = vec![(String::new(), root)];
    let mut next = 0;
    while let Some((at, schema)) = all.get(next) {
        next += 1;
        let parts = children(schema).into_iter();
        let parts = parts.filter_map(|(_, step)| Some((format!("{at}{step}"), schema.pointer(&step)?)));
        let parts: Vec<_> = parts.collect();
        all.extend(parts);
    }
    all.into_iter().map(|(at, _)| at).collect()
}

/// Changes the keywords of the schema at a JSON Pointer.
type Change<'c, E> = dyn FnMut(&mut Map<String, Value>, &str) -> Result<(), E> + 'c;

/// Changes the keywords of each schema in `schema`, outer ones first. `at` is its JSON Pointer.
pub(super) fn change_each<E>(schema: &mut Value, at: &str, change: &mut Change<'_, E>) -> Result<(), E> {
    if let Value::Object(keywords) = schema {
        change(keywords, at)?;
    }
    for (_, step) in children(schema) {
        if let Some(part) = schema.pointer_mut(&step) {
            change_each(part, &format!("{at}{step}"), change)?;
        }
    }
    Ok(())
}

/// The JSON Pointer to which a schema's `$ref` leads, if the target is in the same document.
pub(crate) fn reference(schema: &Value) -> Option<String> {
    reference_in(schema.as_object()?)
}

/// The same for a schema that is an object.
pub(crate) fn reference_in(schema: &Map<String, Value>) -> Option<String> {
    let fragment = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
    Some(
        percent_encoding::percent_decode_str(fragment)
            .decode_utf8()
            .ok()?
            .into_owned(),
    )
}

/// The JSON Pointer to which the reference of the schema at `at` leads, if it has one.
pub(crate) fn reference_of(root: &Value, at: &str) -> Option<String> {
    reference(root.pointer(at)?)
}

/// The schemas that the schema at `from` contains, each with its JSON Pointer: its direct subschemas and the target of
/// its reference. Subschemas that are [`Edge::Aside`] are left out.
pub(crate) fn held(root: &Value, from: &str) -> Vec<(Edge, String)> {
    let Some(schema) = root.pointer(from) else {
        return Vec::new();
    };
    let children = children(schema)
        .into_iter()
        .filter(|(edge, _)| *edge != Edge::Aside)
        .map(|(edge, step)| (edge, format!("{from}{step}")));
    let target = reference(schema).filter(|target| root.pointer(target).is_some());
    children.chain(target.map(|target| (Edge::Same, target))).collect()
}

/// A schema that leads back to itself along edges that are `followed`, if there is one.
pub(crate) fn cycle(root: &Value, followed: fn(&Edge) -> bool) -> Option<String> {
    let (mut open, mut done) = (HashSet::new(), HashSet::new());
    let mut places = pointers(root).into_iter();
    places.find_map(|at| leads_back(root, at, followed, &mut open, &mut done))
}

/// A schema that a path from `at` reaches while it is still `open`, which means that the path goes through it.
fn leads_back(
    root: &Value,
    at: String,
    followed: fn(&Edge) -> bool,
    open: &mut HashSet<String>,
    done: &mut HashSet<String>,
) -> Option<String> {
    if done.contains(&at) {
        return None;
    }
    if !open.insert(at.clone()) {
        return Some(at);
    }
    let found = held(root, &at)
        .into_iter()
        .filter(|(edge, _)| followed(edge))
        .find_map(|(_, to)| leads_back(root, to, followed, open, done));
    open.remove(&at);
    done.insert(at);
    found
}

/// Escapes a name for use in a JSON Pointer.
pub(crate) fn escape(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) {
        Cow::Owned(name.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(name)
    }
}

/// The name of the definition to which a JSON Pointer leads. `None` if it leads elsewhere, or to a part of a
/// definition.
pub(crate) fn definition(pointer: &str) -> Option<String> {
    let name = pointer.strip_prefix("/$defs/")?;
    (!name.contains('/')).then(|| name.replace("~1", "/").replace("~0", "~"))
}

/// The reference to a definition.
pub(crate) fn reference_to(definition: &str) -> String {
    /// The characters of names that a URI fragment may contain.
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'_')
        .remove(b'-')
        .remove(b'.')
        .remove(b'~')
        .remove(b':');
    format!("#/$defs/{}", utf8_percent_encode(&escape(definition), KEPT))
}

/// Whether `wanted` is the type of a schema, or one of its types.
pub(crate) fn has_type(schema: &Map<String, Value>, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(only)) => only == wanted,
        Some(Value::Array(several)) => several.iter().any(|one| one == wanted),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_every_schema_and_nothing_in_data_that_looks_like_one() {
        let schema = json!({
            "properties": { "a/b": { "items": true }, "c": { "default": { "properties": { "x": {} } } } },
            "$defs": { "D": { "oneOf": [{}, {}] } },
        });
        let mut found = pointers(&schema);
        found.sort();
        assert_eq!(
            found,
            [
                "",
                "/$defs/D",
                "/$defs/D/oneOf/0",
                "/$defs/D/oneOf/1",
                "/properties/a~1b",
                "/properties/a~1b/items",
                "/properties/c"
            ]
        );
    }

    #[test]
    fn follows_a_reference_whose_name_is_percent_encoded() {
        assert_eq!(
            reference(&json!({ "$ref": "#/$defs/A%20b" })).as_deref(),
            Some("/$defs/A b")
        );
        assert_eq!(reference(&json!({ "$ref": "https://example.org/x" })), None);
    }

    #[test]
    fn a_reference_leads_back_to_its_name() {
        for name in [
            "Author",
            "Page_of_Item",
            "a/b",
            "~1",
            "a b%20#",
            "Größe",
            "dialogue:root",
        ] {
            let schema = json!({ "$ref": reference_to(name), "$defs": { name: true } });
            let pointer = reference(&schema).unwrap();
            assert_eq!(schema.pointer(&pointer), Some(&json!(true)), "{pointer}");
            assert_eq!(definition(&pointer).as_deref(), Some(name));
        }
        assert_eq!(definition("/$defs/A/properties/a"), None);
    }
}
