//! The schemas of a document, as definitions to which a validator of one part can refer.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::contract::reference::redirected;
use crate::schema::walk;

/// The name of the whole document among its own definitions.
const ROOT: &str = "dialogue:root";

/// Whether a document contains keywords that change the meaning of references.
pub(super) fn is_rebased(root: &Value) -> bool {
    walk::pointers(root)
        .iter()
        .filter_map(|at| root.pointer(at))
        .any(|schema| schema.get("$id").is_some() || schema.get("$dynamicRef").is_some())
}

/// The definitions of a document, including the document itself.
pub(super) fn definitions(root: &Value) -> Value {
    let mut definitions: Map<String, Value> = root
        .get("$defs")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.clone(), at_home(schema, root)))
        .collect();
    let mut whole = at_home(root, root);
    if let Value::Object(whole) = &mut whole {
        whole.remove("$schema");
    }
    definitions.insert(ROOT.to_owned(), whole);
    Value::Object(definitions)
}

/// A part of a document, with references that lead to [`definitions`].
pub(super) fn at_home(schema: &Value, root: &Value) -> Value {
    let names: BTreeMap<String, String> = root
        .get("$defs")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::keys)
        .map(|name| (name.clone(), name.clone()))
        .collect();
    redirected(schema, ROOT, &names)
}
