//! The payload types of a contract: every schema and every definition within one, each once, under a name of its own.
//!
//! What clients hear is written as the event's name has it (`Message`); what they may trigger shares that type where it is
//! the same, and is `MessageInput` where it is not. Definitions of different events that are equal are one type; those
//! that only share a name get different ones.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::direction::Direction;
use super::model::Contract;
use super::names::Names;
use super::reference::{redirected, references};
use crate::event::EventDefinition;
use crate::schema::walk;

/// The named schemas of a contract. References lead from one to another as `#/$defs/Name`.
#[derive(Debug)]
pub(super) struct PayloadTypes {
    pub(super) schemas: BTreeMap<String, Value>,
    /// The name of each payload, by event and schema.
    payloads: HashMap<(String, String), String>,
}

impl PayloadTypes {
    /// Names the types of a contract, none of them as one of the `reserved`.
    pub(super) fn of(contract: &Contract, reserved: impl IntoIterator<Item = String>) -> Self {
        let mut names = Names::besides(reserved);
        let mut roots = Vec::new();
        for direction in [Direction::Outbound, Direction::Inbound] {
            for room in &contract.rooms {
                let room_events = match direction {
                    Direction::Outbound => contract.received(room),
                    Direction::Inbound => contract.triggers(room),
                };
                roots.extend(
                    room_events
                        .known
                        .into_iter()
                        .filter_map(|event| Some((direction, event, PayloadSchema::of(event, direction)?))),
                );
            }
        }
        let mut types = Self {
            schemas: BTreeMap::new(),
            payloads: HashMap::new(),
        };
        // Events first: theirs are the names that people know.
        let mut named = Vec::new();
        for (direction, event, document) in roots {
            let payload = (event.name().to_string(), document.text.clone());
            let name = names.name(event.name(), suffix(direction), &document.closure(None));
            types.payloads.insert(payload, name.name.clone());
            if name.is_new {
                named.push((direction, name.name, document));
            }
        }
        for (direction, root, document) in named {
            types.add(&mut names, direction, root, &document);
        }
        types
    }

    /// The name of an event's payload type; `None` if it can be anything.
    pub(super) fn payload(&self, event: &EventDefinition, direction: Direction) -> Option<&str> {
        let text = PayloadSchema::of(event, direction)?.text;
        self.payloads.get(&(event.name().to_string(), text)).map(String::as_str)
    }

    /// Adds the types that a document has below `$defs`, and its own.
    fn add(&mut self, names: &mut Names, direction: Direction, root: String, document: &PayloadSchema) {
        let mut renamed = BTreeMap::new();
        let mut new = Vec::new();
        for (definition, schema) in &document.definitions {
            let name = names.name(definition, suffix(direction), &document.closure(Some(definition)));
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

/// The word that is appended to the name of a type when the name alone is taken.
fn suffix(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "Input",
        Direction::Outbound => "Data",
    }
}

/// A payload's schema taken apart.
struct PayloadSchema {
    /// The whole schema, in one order whatever features the JSON library was built with.
    text: String,
    body: Value,
    definitions: BTreeMap<String, Value>,
}

impl PayloadSchema {
    fn of(event: &EventDefinition, direction: Direction) -> Option<Self> {
        let mut body = match direction {
            Direction::Inbound => event.inbound_schema(),
            Direction::Outbound => event.outbound_schema(),
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
