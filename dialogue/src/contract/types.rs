//! The payload types of a contract: every schema and every definition within one, each once, under a name of its own.
//!
//! What clients hear is written as the event's name has it (`Message`); what they may trigger shares that type where it is
//! the same, and is `MessageInput` where it is not. Definitions of different events that are equal are one type; those
//! that only share a name get different ones.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::model::Contract;
use super::names::Names;
use crate::event::EventDefinition;
use crate::schema::walk;

/// The named schemas of a contract. References lead from one to another as `#/$defs/Name`.
#[derive(Debug)]
pub(super) struct Types {
    pub(super) schemas: BTreeMap<String, Value>,
    /// The name of each payload, by event and schema.
    payloads: HashMap<(String, String), String>,
}

/// Which way a payload goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From a client.
    Inbound,
    /// To clients.
    Outbound,
}

impl Way {
    /// What a type is called besides, where a name is taken.
    fn suffix(self) -> &'static str {
        match self {
            Self::Inbound => "Input",
            Self::Outbound => "Data",
        }
    }
}

impl Types {
    /// Names the types of a contract, none of them as one of the `reserved`.
    pub(super) fn of(contract: &Contract, reserved: impl IntoIterator<Item = String>) -> Self {
        let mut names = Names::besides(reserved);
        let mut roots = Vec::new();
        for way in [Way::Outbound, Way::Inbound] {
            for room in &contract.rooms {
                let repertoire = match way {
                    Way::Outbound => contract.heard(room),
                    Way::Inbound => contract.triggers(room),
                };
                roots.extend(
                    repertoire
                        .known
                        .into_iter()
                        .filter_map(|event| Some((way, event, Document::of(event, way)?))),
                );
            }
        }
        let mut types = Self {
            schemas: BTreeMap::new(),
            payloads: HashMap::new(),
        };
        // Events first: theirs are the names that people know.
        let mut named = Vec::new();
        for (way, event, document) in roots {
            let payload = (event.name().to_string(), document.text.clone());
            let name = names.name(event.name(), way.suffix(), &document.closure(None));
            types.payloads.insert(payload, name.name.clone());
            if name.is_new {
                named.push((way, name.name, document));
            }
        }
        for (way, root, document) in named {
            types.add(&mut names, way, root, &document);
        }
        types
    }

    /// The name of an event's payload type; `None` if it can be anything.
    pub(super) fn payload(&self, event: &EventDefinition, way: Way) -> Option<&str> {
        let text = Document::of(event, way)?.text;
        self.payloads.get(&(event.name().to_string(), text)).map(String::as_str)
    }

    /// Adds the types that a document has below `$defs`, and its own.
    fn add(&mut self, names: &mut Names, way: Way, root: String, document: &Document) {
        let mut renamed = BTreeMap::new();
        let mut new = Vec::new();
        for (definition, schema) in &document.definitions {
            let name = names.name(definition, way.suffix(), &document.closure(Some(definition)));
            renamed.insert(definition.clone(), name.name.clone());
            if name.is_new {
                new.push((name.name, schema));
            }
        }
        for (name, schema) in new {
            self.schemas.insert(name, redirected(schema, &root, &renamed));
        }
        let schema = redirected(&document.body, &root, &renamed);
        self.schemas.insert(root, schema);
    }
}

/// The name that a reference of [`Types::schemas`] leads to.
pub(super) fn referred(schema: &Map<String, Value>) -> Option<&str> {
    let name = schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
    (!name.contains('/')).then_some(name)
}

/// A payload's schema taken apart.
struct Document {
    /// The whole schema, in one order whatever features the JSON library was built with.
    text: String,
    body: Value,
    definitions: BTreeMap<String, Value>,
}

impl Document {
    fn of(event: &EventDefinition, way: Way) -> Option<Self> {
        let mut body = match way {
            Way::Inbound => event.inbound_schema(),
            Way::Outbound => event.outbound_schema(),
        }?
        .clone();
        body.sort_all_objects();
        let text = body.to_string();
        let mut definitions = BTreeMap::new();
        if let Value::Object(root) = &mut body {
            root.remove("$schema");
            // The Rust type's name; the event's own is what the type is called here.
            root.remove("title");
            if let Some(Value::Object(found)) = root.remove("$defs") {
                definitions.extend(found);
            }
        }
        Some(Self {
            text,
            body,
            definitions,
        })
    }

    /// A text that is equal for two definitions, or roots, if they and everything they refer to are.
    fn closure(&self, of: Option<&str>) -> String {
        let body = match of {
            Some(name) => self.definitions.get(name).unwrap_or(&Value::Null),
            None => &self.body,
        };
        let mut reached = BTreeMap::new();
        let mut refers_to_root = false;
        let mut open = vec![body];
        while let Some(schema) = open.pop() {
            for reference in references(schema) {
                let definition = walk::definition(&reference);
                open.extend(
                    match definition.and_then(|name| self.definitions.get_key_value(&name)) {
                        Some((name, target)) => reached.insert(name, target).is_none().then_some(target),
                        None => (!std::mem::replace(&mut refers_to_root, true)).then_some(&self.body),
                    },
                );
            }
        }
        let root = refers_to_root.then_some(&self.body);
        serde_json::json!([body, reached, root]).to_string()
    }
}

/// Where the references within a schema lead, as JSON Pointers.
pub(super) fn references(schema: &Value) -> BTreeSet<String> {
    walk::pointers(schema)
        .iter()
        .filter_map(|at| walk::reference(schema.pointer(at)?))
        .collect()
}

/// A schema whose references lead to the renamed types. What leads into the root leads into the type called `root`.
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
