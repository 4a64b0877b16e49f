//! A document in the making: its messages, schemas, channels and operations, and how they refer to each other.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::draft_07::as_draft_07;
use super::generators::for_generators;
use super::titles::title_parts;
use super::view::View;
use crate::contract::names::Names;
use crate::contract::payload_types::PayloadTypes;
use crate::contract::variants::{with_complete_variants, with_plain_variants};

/// The channel of the frames that belong to no room. Other channels start with a capital.
pub(super) const CONNECTION: &str = "connection";

/// Where the document says how clients sign in.
pub(super) const SIGN_IN: &str = "#/components/securitySchemes/signIn";

/// A document in the making.
pub(super) struct Document<'t> {
    pub(super) view: View,
    pub(super) types: &'t PayloadTypes,
    /// The names of schemas and messages.
    pub(super) names: Names,
    /// The names of the frames that belong to no event, by their names in `frames`.
    pub(super) frames: BTreeMap<&'static str, String>,
    pub(super) channels: Map<String, Value>,
    pub(super) operations: Map<String, Value>,
    pub(super) messages: Map<String, Value>,
    pub(super) schemas: Map<String, Value>,
}

impl<'t> Document<'t> {
    pub(super) fn new(view: View, types: &'t PayloadTypes) -> Self {
        let mut document = Self {
            view,
            types,
            names: Names::besides([]).and(types.schemas.keys()),
            frames: BTreeMap::new(),
            channels: Map::new(),
            operations: Map::new(),
            messages: Map::new(),
            schemas: Map::new(),
        };
        for (name, schema) in &types.schemas {
            document.schema(name.clone(), schema);
        }
        document
    }

    /// Adds a type in the form that generators read.
    pub(super) fn schema(&mut self, name: String, schema: &Value) {
        let plain = with_complete_variants(&with_plain_variants(schema, &self.types.schemas));
        let mut schema = for_generators(&as_draft_07(&plain));
        title_parts(&name, &mut schema, &mut self.names);
        if let Value::Object(keywords) = &mut schema {
            keywords.insert("title".to_owned(), name.clone().into());
        }
        self.schemas.insert(name, schema);
    }

    /// Whether the document already has a message, from another room with the same event.
    pub(super) fn has_message(&self, name: &str) -> bool {
        self.messages.contains_key(name)
    }

    /// Adds a message whose payload has this schema, under the name of the schema.
    pub(super) fn message(&mut self, name: &str, mut message: Value, payload: &Value) {
        message["contentType"] = "application/json".into();
        message["payload"] = json!({ "$ref": format!("#/components/schemas/{name}") });
        self.messages.insert(name.to_owned(), message);
        self.schema(name.to_owned(), payload);
    }

    /// Whether the described side sends or receives a message, in AsyncAPI's word.
    fn action(&self, is_from_client: bool) -> &'static str {
        match (self.view, is_from_client) {
            (View::Client, true) | (View::Server, false) => "send",
            (View::Client, false) | (View::Server, true) => "receive",
        }
    }

    /// Adds an operation with these messages of a channel. `replies` are frames that answer it.
    pub(super) fn operation(&mut self, about: &Operation<'_>, messages: &[String], replies: &[&str]) {
        let action = self.action(about.is_from_client);
        let references = |channel: &str, messages: &[String]| -> Vec<Value> {
            let reference = |name: &String| json!({ "$ref": format!("#/channels/{channel}/messages/{name}") });
            messages.iter().map(reference).collect()
        };
        let mut operation = json!({
            "action": action,
            "channel": { "$ref": format!("#/channels/{}", about.channel) },
            "summary": about.summary,
            "messages": references(about.channel, messages),
        });
        if !replies.is_empty() {
            let replies: Vec<String> = replies
                .iter()
                .filter_map(|name| self.frames.get(name).cloned())
                .collect();
            operation["reply"] = json!({
                "channel": { "$ref": format!("#/channels/{CONNECTION}") },
                "messages": references(CONNECTION, &replies),
            });
        }
        if about.signs_in {
            operation["security"] = json!([{ "$ref": SIGN_IN }]);
        }
        self.operations.insert(format!("{action}{}", about.name), operation);
    }
}

/// An operation of the document, without its messages.
pub(super) struct Operation<'o> {
    /// Its name after the action: `Join`, `InChat`.
    pub(super) name: &'o str,
    pub(super) channel: &'o str,
    pub(super) summary: &'o str,
    pub(super) is_from_client: bool,
    /// Whether the messages carry the credentials.
    pub(super) signs_in: bool,
}

/// Says that a reply has the id of its request.
pub(super) fn correlation() -> Value {
    json!({ "description": "The reply has the same id.", "location": "$message.payload#/id" })
}
