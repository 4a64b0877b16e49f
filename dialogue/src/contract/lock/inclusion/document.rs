//! The wider document's schemas, as definitions that a validator of one part of it can refer to.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::contract::reference::redirected;
use crate::schema::walk;

/// Where the wider schema is put among its own definitions.
const ROOT: &str = "dialogue:root";

/// Whether references in a document may lead elsewhere than they say.
pub(super) fn is_rebased(root: &Value) -> bool {
    walk::pointers(root)
        .iter()
        .filter_map(|at| root.pointer(at))
        .any(|schema| schema.get("$id").is_some() || schema.get("$dynamicRef").is_some())
}

/// The definitions of a document, itself among them.
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

/// A part of a document, with references as they are among [`definitions`].
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
