//! The contract as an AsyncAPI 3.0 document, from the server's side: the server *receives* the events that clients
//! trigger and *sends* the events that clients receive.
//!
//! A channel is a room or a family, and its address is the room's id. All channels share one WebSocket. The protocol
//! describes its other frames (`connect`, `join`, replies, …), and this document does not. The payload of a message is
//! the frame on the wire. The document contains no servers, because a server does not know its public address.
//!
//! AsyncAPI's own schemas are JSON Schema draft-07, so the payloads are translated. Keywords that draft-07 does not
//! have (`unevaluatedProperties`, `dependentRequired`, …) are left out. The translation may accept more than the
//! original, but never less.

use serde_json::{Map, Value, json};

use super::direction::Direction;
use super::json_schema::{envelope, event_name, payload};
use super::model::{Contract, ContractRoom, RoomEvents, needs_no_data};
use super::names::Names;
use super::payload_types::PayloadTypes;
use super::typescript;
use crate::event::EventDefinition;
use crate::room::{IdPattern, Segment};
use crate::schema::publish::is_impossible;

/// The document.
pub(crate) fn asyncapi(contract: &Contract) -> Value {
    let types = PayloadTypes::of(contract, typescript::reserved());
    let mut names = Names::besides([]);
    let mut of_messages = Names::besides([]).and(types.schemas.keys());
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for room in &contract.rooms {
        // Two room sets may contain types with the same name.
        let key = names.name(room.declaration.type_name, "", &room.pattern()).name;
        let mut in_channel = Map::new();
        for (direction, action, room_events) in [
            (Direction::Inbound, "receive", contract.triggers(room)),
            (Direction::Outbound, "send", contract.received(room)),
        ] {
            let mut of_operation = Vec::new();
            for (name, message) in describe(&room_events, &types, &mut of_messages, direction) {
                in_channel.insert(name.clone(), json!({ "$ref": format!("#/components/messages/{name}") }));
                of_operation.push(json!({ "$ref": format!("#/channels/{key}/messages/{name}") }));
                messages.insert(name, message);
            }
            if !of_operation.is_empty() {
                operations.insert(format!("{action}{key}"), operation(action, &key, room, of_operation));
            }
        }
        channels.insert(key, channel(room, in_channel));
    }
    let schemas: Map<String, Value> = types
        .schemas
        .iter()
        .map(|(name, schema)| (name.clone(), as_draft_07(schema)))
        .collect();
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Dialogue rooms",
            "version": contract.fingerprint(),
            "description": "The events that clients may trigger and receive in the rooms of a Dialogue server. Each \
                            channel is a room, and all channels share one WebSocket. The version is the fingerprint \
                            that the server sends to each client in `connected`.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages, "schemas": schemas },
    });
    document.sort_all_objects();
    document
}

fn channel(room: &ContractRoom, messages: Map<String, Value>) -> Value {
    let mut channel = json!({
        "address": room.pattern(),
        "title": room.declaration.name,
        "messages": messages,
    });
    if let Some(description) = room.declaration.description {
        channel["description"] = description.into();
    }
    if let IdPattern::Family { segments, .. } = room.declaration.id {
        let parameters: Map<String, Value> = segments
            .iter()
            .filter_map(|segment| match segment {
                Segment::Literal(_) => None,
                Segment::Field(name) => {
                    let description =
                        format!("`{name}` in the room's id, percent-encoded if an id cannot contain its characters.");
                    Some(((*name).to_owned(), json!({ "description": description })))
                }
            })
            .collect();
        channel["parameters"] = parameters.into();
    }
    channel
}

fn operation(action: &str, channel: &str, room: &ContractRoom, messages: Vec<Value>) -> Value {
    let summary = match action {
        "receive" => format!("The events that clients may trigger in {}.", room.declaration.name),
        _ => format!("The events that clients receive in {}.", room.declaration.name),
    };
    json!({
        "action": action,
        "channel": { "$ref": format!("#/channels/{channel}") },
        "summary": summary,
        "messages": messages,
    })
}

/// The messages of a room in one direction, by their keys. Rooms that have the same event share its message.
fn describe(
    room_events: &RoomEvents<'_>,
    types: &PayloadTypes,
    names: &mut Names,
    direction: Direction,
) -> Vec<(String, Value)> {
    let mut messages: Vec<_> = room_events
        .known
        .iter()
        .map(|event| {
            let name = types.payload(event, direction);
            let mut frame = frame(json!({ "const": event.name() }), payload(name), direction);
            if direction == Direction::Inbound && !needs_no_data(event) {
                require(&mut frame, "data");
            }
            let key = key(names, direction, event.name(), name.unwrap_or(event.name()));
            (key, message(Some(event), &frame, direction))
        })
        .collect();
    if room_events.open {
        let frame = frame(event_name(), json!({}), direction);
        messages.push((key(names, direction, "any", "*"), message(None, &frame, direction)));
    }
    messages
}

/// The key of an event's message. Events with the same name and other payloads have keys of their own.
fn key(names: &mut Names, direction: Direction, event: &str, payload: &str) -> String {
    let kind = match direction {
        Direction::Inbound => "trigger",
        Direction::Outbound => "event",
    };
    names.name(&format!("{event}-{kind}"), "", payload).name
}

fn message(event: Option<&EventDefinition>, frame: &Value, direction: Direction) -> Value {
    let name = event.map_or("any", |event| event.name());
    let mut message = json!({
        "name": name,
        "title": match (event, direction) {
            (None, Direction::Inbound) => "Any event, triggered".to_owned(),
            (None, Direction::Outbound) => "Any event".to_owned(),
            (Some(_), Direction::Inbound) => format!("`{name}`, triggered"),
            (Some(_), Direction::Outbound) => format!("`{name}`"),
        },
        "contentType": "application/json",
        "payload": as_draft_07(frame),
    });
    if let Some(description) = event.and_then(EventDefinition::description) {
        message["description"] = description.into();
    }
    if direction == Direction::Inbound {
        message["correlationId"] = json!({
            "description": "The reply contains the same id.",
            "location": "$message.payload#/id",
        });
    }
    message
}

/// The frame on the wire. The channel says which room it belongs to.
fn frame(event: Value, data: Value, direction: Direction) -> Value {
    let room_id = json!({ "type": "string", "description": "The room: the address of this channel." });
    let mut frame = match direction {
        Direction::Outbound => envelope(&room_id, event, data),
        Direction::Inbound => json!({
            "type": "object",
            "required": ["roomId", "event"],
            "properties": {
                "id": { "type": "integer", "description": "Asks for a reply, which contains the same id." },
                "roomId": room_id,
                "event": event,
                "data": data,
                "meta": { "type": "object", "description": "Metadata that travels next to the data." },
                "key": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 128,
                    "description": "The idempotency key of this trigger, so that it can be repeated safely.",
                },
            },
        }),
    };
    let kind = match direction {
        Direction::Inbound => "trigger",
        Direction::Outbound => "event",
    };
    frame["properties"]["type"] = json!({ "const": kind });
    require(&mut frame, "type");
    frame
}

fn require(frame: &mut Value, property: &str) {
    if let Some(Value::Array(required)) = frame.get_mut("required") {
        required.push(property.into());
    }
}

/// Translates a schema from draft 2020-12 to draft-07. References lead to the place where AsyncAPI keeps schemas.
/// A property that nothing satisfies is left out: generators would make a type for it.
fn as_draft_07(schema: &Value) -> Value {
    let Value::Object(schema) = schema else {
        return schema.clone();
    };
    let mut older = Map::new();
    for (keyword, value) in schema {
        let value = match (keyword.as_str(), value) {
            ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(schemas)) => schemas
                .iter()
                .filter(|(_, schema)| keyword != "properties" || !is_impossible(schema))
                .map(|(name, schema)| (name.clone(), as_draft_07(schema)))
                .collect(),
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(schemas)) => {
                schemas.iter().map(as_draft_07).collect()
            }
            (
                "items" | "additionalProperties" | "propertyNames" | "contains" | "not" | "if" | "then" | "else",
                schema,
            ) => as_draft_07(schema),
            ("$ref", Value::String(reference)) => reference.replace("#/$defs/", "#/components/schemas/").into(),
            ("$schema" | "$id" | "$anchor" | "$comment", _) => continue,
            ("unevaluatedProperties" | "unevaluatedItems" | "dependentRequired" | "dependentSchemas", _) => continue,
            ("minContains" | "maxContains", _) => continue,
            (_, value) => value.clone(),
        };
        older.insert(keyword.clone(), value);
    }
    // Draft-07 does not know these keywords, and `contains` alone would mean something else.
    if schema.contains_key("minContains") || schema.contains_key("maxContains") {
        older.remove("contains");
    }
    if let Some(prefix) = older.remove("prefixItems") {
        if let Some(rest) = older.remove("items") {
            older.insert("additionalItems".to_owned(), rest);
        }
        older.insert("items".to_owned(), prefix);
    }
    // Draft-07 ignores all keywords next to a reference.
    if older.len() > 1
        && let Some(reference) = older.remove("$ref")
    {
        let annotations: Map<String, Value> = ["title", "description", "default", "deprecated", "examples"]
            .iter()
            .filter_map(|keyword| older.remove_entry(*keyword))
            .collect();
        let beside = std::mem::replace(&mut older, annotations);
        let beside = (!beside.is_empty()).then_some(Value::Object(beside));
        let all: Vec<_> = beside.into_iter().chain([json!({ "$ref": reference })]).collect();
        older.insert("allOf".to_owned(), all.into());
    }
    Value::Object(older)
}

#[cfg(test)]
mod tests {
    use super::*;

    mod open {
        use crate::prelude::*;

        #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
        pub(super) struct Message {
            text: String,
        }

        rooms! { pub(super) Rooms; pub(super) Chat = "chat" { events: *, default_subscriptions: [Message] } }
    }

    #[test]
    fn every_event_has_its_own_message_whatever_other_events_are_called() {
        use crate::RoomSet;
        use crate::event::DialogueEvent;

        let names = ["message", "Message", "any", "a:b", "a_b", "*"];
        let mut events = vec![open::Message::definition().clone()];
        for name in &names[1..5] {
            events.push(EventDefinition::new(*name).build().unwrap());
        }
        let document = asyncapi(&Contract::of(open::Rooms::declarations(), &events).unwrap());
        let messages = document["components"]["messages"].as_object().unwrap();
        assert_eq!(messages.len(), 2 * names.len(), "{:?}", messages.keys());
    }

    #[test]
    fn keywords_that_draft_07_writes_differently_are_translated() {
        for (newer, older) in [
            (
                json!({ "type": "array", "prefixItems": [{ "$ref": "#/$defs/A" }], "items": false }),
                json!({ "type": "array", "items": [{ "$ref": "#/components/schemas/A" }], "additionalItems": false }),
            ),
            (
                json!({ "$ref": "#/$defs/A", "description": "An A.", "required": ["a"] }),
                json!({ "description": "An A.", "allOf": [{ "required": ["a"] }, { "$ref": "#/components/schemas/A" }] }),
            ),
            (
                json!({ "$ref": "#/$defs/A", "description": "An A." }),
                json!({ "description": "An A.", "allOf": [{ "$ref": "#/components/schemas/A" }] }),
            ),
            (
                json!({ "properties": { "unevaluatedProperties": { "unevaluatedProperties": false } } }),
                json!({ "properties": { "unevaluatedProperties": {} } }),
            ),
            (json!({ "contains": {}, "minContains": 0 }), json!({})),
            (
                json!({ "properties": { "a": {}, "b": { "not": {} } } }),
                json!({ "properties": { "a": {} } }),
            ),
        ] {
            assert_eq!(as_draft_07(&newer), older, "{newer}");
        }
    }
}
