//! References within schemas: their targets, and how to redirect them.
//!
//! Owns the form of `$ref` in a contract. JSON Pointers belong to the module of schemas.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::schema::walk;

/// The name of the payload type that a schema refers to as `#/$defs/Name`.
pub(super) fn referred(schema: &Map<String, Value>) -> Option<&str> {
    let name = schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
    (!name.contains('/')).then_some(name)
}

/// The targets of all references within a schema, as JSON Pointers.
pub(super) fn references(schema: &Value) -> BTreeSet<String> {
    walk::pointers(schema)
        .iter()
        .filter_map(|at| walk::reference(schema.pointer(at)?))
        .collect()
}

/// A copy of the schema whose references lead to the renamed types. A reference into the root leads into the type called
/// `root`.
pub(super) fn redirected(schema: &Value, root: &str, renamed: &BTreeMap<String, String>) -> Value {
    let mut redirected = schema.clone();
    for at in walk::pointers(schema) {
        let Some(Value::Object(holder)) = redirected.pointer_mut(&at) else {
            continue;
        };
        let written = holder
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|text| text.strip_prefix('#'));
        let Some(written) = written else {
            continue;
        };
        let decoded = percent_encoding::percent_decode_str(written).decode_utf8_lossy();
        let target = match walk::definition(&decoded).and_then(|name| renamed.get(&name)) {
            Some(name) => walk::reference_to(name),
            None => format!("{}{written}", walk::reference_to(root)),
        };
        holder.insert("$ref".to_owned(), Value::String(target));
    }
    redirected
}
