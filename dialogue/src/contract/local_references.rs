//! References of a schema that a program has written. Within a document of several schemas, each reference must lead to
//! the whole schema or to one of its definitions.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::schema::publish::rewrite;
use crate::schema::walk;

/// The keywords that give a part of a schema an address of its own.
const ADDRESSES: [&str; 6] = [
    "$id",
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$vocabulary",
];

/// The same schema, in which each reference leads to the schema itself or to a definition in `$defs`. Any other part to
/// which a reference leads becomes a definition. A reference with an unknown target is left out, so the schema may accept
/// more.
pub(super) fn with_local_references(schema: &Value) -> Value {
    let places = walk::pointers(schema);
    let part = |at: &String| schema.pointer(at);
    let needs_nothing = places.iter().filter_map(part).all(|part| {
        let leads_to_definition =
            walk::reference(part).is_none_or(|to| to.is_empty() || walk::definition(&to).is_some());
        let is_plain = part.get("$ref").is_none() || walk::reference(part).is_some();
        is_plain
            && leads_to_definition
            && ADDRESSES
                .iter()
                .chain(&["definitions"])
                .all(|word| part.get(word).is_none())
    });
    if needs_nothing {
        return schema.clone();
    }
    // In a part with an id, references are relative to that part.
    let has_bases = places
        .iter()
        .filter(|at| !at.is_empty())
        .filter_map(part)
        .any(|part| part.get("$id").is_some());
    let mut definitions = Definitions {
        anchors: anchors(schema, &places),
        by_place: BTreeMap::new(),
        taken: match schema.get("$defs") {
            Some(Value::Object(definitions)) => definitions.keys().cloned().collect(),
            _ => Vec::new(),
        },
    };
    let mut local = relinked(schema, &mut definitions, schema, has_bases);
    // Each new definition may refer to further parts.
    let mut written: Map<String, Value> = Map::new();
    while let Some((place, name)) = definitions.unwritten(&written) {
        let body = schema.pointer(&place).cloned().unwrap_or_default();
        written.insert(name, relinked(schema, &mut definitions, &body, has_bases));
    }
    if let Value::Object(root) = &mut local {
        root.remove("definitions");
        if !written.is_empty() {
            let all = root.entry("$defs").or_insert_with(|| Map::new().into());
            if let Value::Object(all) = all {
                all.extend(written);
            }
        }
    }
    local
}

/// The parts that become definitions.
struct Definitions {
    /// The places of the anchors.
    anchors: HashMap<String, String>,
    /// The names of the new definitions, by the places of the parts.
    by_place: BTreeMap<String, String>,
    taken: Vec<String>,
}

impl Definitions {
    /// The name of the definition that the part at a place becomes.
    fn name(&mut self, place: &str) -> String {
        if let Some(name) = self.by_place.get(place) {
            return name.clone();
        }
        let last = place.rsplit('/').next().unwrap_or_default();
        let base: String = last.chars().filter(char::is_ascii_alphanumeric).collect();
        let base = if base.is_empty() { "Part".to_owned() } else { base };
        let mut name = base.clone();
        let mut number = 2;
        while self.taken.contains(&name) {
            name = format!("{base}{number}");
            number += 1;
        }
        self.taken.push(name.clone());
        self.by_place.insert(place.to_owned(), name.clone());
        name
    }

    fn unwritten(&self, written: &Map<String, Value>) -> Option<(String, String)> {
        let open = self.by_place.iter().find(|(_, name)| !written.contains_key(*name));
        open.map(|(place, name)| (place.clone(), name.clone()))
    }
}

/// The places of the parts with an anchor.
fn anchors(schema: &Value, places: &[String]) -> HashMap<String, String> {
    let mut anchors = HashMap::new();
    for at in places {
        for keyword in ["$anchor", "$dynamicAnchor"] {
            let anchor = schema.pointer(at).and_then(|part| part.get(keyword)?.as_str());
            anchors.extend(anchor.map(|anchor| (anchor.to_owned(), at.clone())));
        }
    }
    anchors
}

/// A part of the schema `root` with new references.
fn relinked(root: &Value, definitions: &mut Definitions, part: &Value, has_bases: bool) -> Value {
    rewrite(part, &mut |mut schema| {
        let Value::Object(keywords) = &mut schema else {
            return schema;
        };
        let written = keywords.remove("$ref").or_else(|| keywords.remove("$dynamicRef"));
        for word in ADDRESSES {
            keywords.remove(word);
        }
        let target = written
            .as_ref()
            .and_then(Value::as_str)
            .and_then(|text| place(text, definitions))
            .filter(|target| !has_bases && root.pointer(target).is_some());
        if let Some(target) = target {
            let reference = if target.is_empty() {
                "#".to_owned()
            } else if let Some(name) = walk::definition(&target) {
                walk::reference_to(&name)
            } else {
                walk::reference_to(&definitions.name(&target))
            };
            keywords.insert("$ref".to_owned(), reference.into());
        }
        schema
    })
}

/// The place to which a reference leads, if it leads into the same schema.
fn place(reference: &str, definitions: &Definitions) -> Option<String> {
    let fragment = reference.strip_prefix('#')?;
    let decoded = percent_encoding::percent_decode_str(fragment)
        .decode_utf8()
        .ok()?
        .into_owned();
    if decoded.is_empty() || decoded.starts_with('/') {
        return Some(decoded);
    }
    definitions.anchors.get(&decoded).cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn becomes(schema: Value, expected: Value) {
        assert_eq!(with_local_references(&schema), expected, "{schema}");
    }

    #[test]
    fn every_target_becomes_a_definition() {
        becomes(
            json!({
                "properties": { "a": { "$ref": "#/definitions/A" }, "b": { "$ref": "#/properties/c" }, "c": { "type": "string" } },
                "definitions": { "A": { "$ref": "#/definitions/B" }, "B": { "$ref": "#" } },
            }),
            json!({
                "properties": { "a": { "$ref": "#/$defs/A" }, "b": { "$ref": "#/$defs/c" }, "c": { "type": "string" } },
                "$defs": { "A": { "$ref": "#/$defs/B" }, "B": { "$ref": "#" }, "c": { "type": "string" } },
            }),
        );
        becomes(
            json!({ "items": { "$ref": "#item" }, "$defs": { "X": { "$anchor": "item", "type": "null" } } }),
            json!({ "items": { "$ref": "#/$defs/X" }, "$defs": { "X": { "type": "null" } } }),
        );
    }

    #[test]
    fn a_reference_with_an_unknown_target_is_left_out() {
        becomes(
            json!({ "items": { "$ref": "https://json-schema.org/draft/2020-12/schema" }, "$id": "https://a.example" }),
            json!({ "items": {} }),
        );
    }

    #[test]
    fn a_schema_with_definitions_only_stays_as_it_is() {
        let schema =
            json!({ "$ref": "#/$defs/A", "$defs": { "A": { "anyOf": [{ "$ref": "#" }, { "const": { "$id": 1 } }] } } });
        becomes(schema.clone(), schema);
    }
}
