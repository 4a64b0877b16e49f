//! The payload types of a contract. Each schema, and each definition within a schema, appears once and has a name of
//! its own.
//!
//! The type of the payload that clients receive is named after the event (`Message`). The payload that clients may
//! trigger has the same type if its schema is the same. Otherwise its type is named `MessageInput`. Equal definitions
//! of different events become one type. Different definitions with the same name become several types.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::direction::Direction;
use super::local_references::with_local_references;
use super::model::Contract;
use super::names::Names;
use super::reference::{redirected, references};
use crate::event::EventDefinition;
use crate::schema::publish::rewrite;
use crate::schema::walk;

/// The named schemas of a contract. They refer to each other as `#/$defs/Name`.
#[derive(Debug)]
pub(super) struct PayloadTypes {
    pub(super) schemas: BTreeMap<String, Value>,
    /// The name of each payload type, by the address of the event's definition.
    payloads: HashMap<(usize, Direction), String>,
}

impl PayloadTypes {
    /// Names the types of a contract. No type gets one of the `reserved` names.
    pub(super) fn of(contract: &Contract, reserved: impl IntoIterator<Item = String>) -> Self {
        let mut names = Names::besides(reserved);
        let mut roots = Vec::new();
        let mut seen = HashSet::new();
        for direction in [Direction::Outbound, Direction::Inbound] {
            for room in &contract.rooms {
                let room_events = match direction {
                    Direction::Outbound => contract.received(room),
                    Direction::Inbound => contract.triggers(room),
                };
                let new = room_events
                    .known
                    .into_iter()
                    .filter(|event| seen.insert((event.address(), direction)));
                roots.extend(new.filter_map(|event| Some((direction, event, PayloadSchema::of(event, direction)?))));
            }
        }
        let mut types = Self {
            schemas: BTreeMap::new(),
            payloads: HashMap::new(),
        };
        // Events get their names before definitions do: if the names collide, the definition gets the suffix. People
        // know the events' names.
        let mut named = Vec::new();
        for (direction, event, document) in roots {
            let name = names.name(event.name(), suffix(direction), &document.identity(None));
            types.payloads.insert((event.address(), direction), name.name.clone());
            if name.is_new {
                named.push((direction, name.name, document));
            }
        }
        for (direction, root, document) in named {
            types.add(&mut names, direction, root, &document);
        }
        types
    }

    /// The name of an event's payload type; `None` if the payload can be anything.
    pub(super) fn payload(&self, event: &EventDefinition, direction: Direction) -> Option<&str> {
        self.payloads.get(&(event.address(), direction)).map(String::as_str)
    }

    /// Adds the type of a schema, and a type for each definition in its `$defs`.
    fn add(&mut self, names: &mut Names, direction: Direction, root: String, document: &PayloadSchema) {
        let mut renamed = BTreeMap::new();
        let mut new = Vec::new();
        for (definition, schema) in &document.definitions {
            let name = names.name(definition, suffix(direction), &document.identity(Some(definition)));
            renamed.insert(definition.clone(), name.name.clone());
            if name.is_new {
                new.push((name.name, schema));
            }
        }
        for (name, schema) in new {
            let schema = redirected(schema, &root, &renamed);
            self.insert(name, schema);
        }
        let schema = redirected(&document.body, &root, &renamed);
        self.insert(root, schema);
    }

    /// Adds a type. Its title is its name, because many tools name a type after its title.
    fn insert(&mut self, name: String, mut schema: Value) {
        if let Value::Object(keywords) = &mut schema {
            keywords.insert("title".to_owned(), name.clone().into());
        }
        self.schemas.insert(name, schema);
    }
}

/// The word that is appended to the name of a type when the name alone is taken.
fn suffix(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "Input",
        Direction::Outbound => "Data",
    }
}

/// Removes the definitions that allow any value, and the references to them. A type without any keyword tells nobody
/// anything, and some tools take it for an object.
fn inline_anything(body: &mut Value, definitions: &mut BTreeMap<String, Value>) {
    loop {
        let of_anything: Vec<String> = definitions
            .iter()
            .filter(|(_, schema)| is_anything(schema))
            .map(|(name, _)| name.clone())
            .collect();
        if of_anything.is_empty() {
            return;
        }
        definitions.retain(|name, _| !of_anything.contains(name));
        for schema in definitions.values_mut().chain([&mut *body]) {
            *schema = rewrite(schema, &mut |mut schema| {
                let target = walk::reference(&schema).and_then(|target| walk::definition(&target));
                if let (Some(target), Value::Object(keywords)) = (target, &mut schema)
                    && of_anything.contains(&target)
                {
                    keywords.remove("$ref");
                }
                schema
            });
        }
    }
}

/// Whether a schema allows any value: it has only texts for people.
fn is_anything(schema: &Value) -> bool {
    const TEXTS: [&str; 6] = ["$comment", "title", "description", "default", "deprecated", "examples"];
    schema
        .as_object()
        .is_some_and(|keywords| keywords.keys().all(|keyword| TEXTS.contains(&keyword.as_str())))
}

/// The parts of a payload's schema.
struct PayloadSchema {
    body: Value,
    definitions: BTreeMap<String, Value>,
    /// What each definition refers to, and the root as `None`.
    links: BTreeMap<Option<String>, Links>,
}

/// What a part of a schema says, and the parts that it refers to.
struct Links {
    digest: String,
    targets: Vec<Option<String>>,
}

impl PayloadSchema {
    fn of(event: &EventDefinition, direction: Direction) -> Option<Self> {
        let mut body = with_local_references(match direction {
            Direction::Inbound => event.inbound_schema(),
            Direction::Outbound => event.outbound_schema(),
        }?);
        // The order of keys does not depend on the features of the JSON library.
        body.sort_all_objects();
        let mut definitions = BTreeMap::new();
        if let Value::Object(root) = &mut body {
            root.remove("$schema");
            // The title is the name of the Rust type. Here, the type is named after the event.
            root.remove("title");
            if let Some(Value::Object(found)) = root.remove("$defs") {
                definitions.extend(found);
            }
        }
        inline_anything(&mut body, &mut definitions);
        if is_anything(&body) {
            return None;
        }
        let links =
            std::iter::once((None, &body)).chain(definitions.iter().map(|(name, part)| (Some(name.clone()), part)));
        let links = links
            .map(|(name, part)| (name, Links::of(part, &definitions)))
            .collect();
        Some(Self {
            body,
            definitions,
            links,
        })
    }

    /// A text that identifies the definition `of`, or the root if `of` is `None`. Two texts are equal exactly if the
    /// two schemas are equal, and all schemas that they refer to are equal too.
    fn identity(&self, of: Option<&str>) -> String {
        let mut reached = BTreeMap::new();
        let Some(first) = self.links.get(&of.map(str::to_owned)) else {
            return String::new();
        };
        let mut open: Vec<_> = first.targets.iter().collect();
        while let Some(name) = open.pop() {
            if let Some(links) = self.links.get(name)
                && reached.insert(name, &links.digest).is_none()
            {
                open.extend(&links.targets);
            }
        }
        serde_json::json!([first.digest, reached.into_iter().collect::<Vec<_>>()]).to_string()
    }
}

impl Links {
    fn of(part: &Value, definitions: &BTreeMap<String, Value>) -> Self {
        let targets = references(part).into_iter();
        // Every other reference leads into the root.
        let targets = targets.map(|target| walk::definition(&target).filter(|name| definitions.contains_key(name)));
        Self {
            digest: sha1_smol::Sha1::from(part.to_string()).digest().to_string(),
            targets: targets.collect(),
        }
    }
}
