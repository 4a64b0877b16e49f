//! The contract as one JSON Schema (draft 2020-12) of the events that clients receive.
//!
//! `$defs` contains each payload type under its name. For a room whose type is `Chat`, it also contains `ChatEvents`, the
//! envelopes that clients receive there, live or from the past, and `ChatTriggers`, the name and data of the events that clients may trigger.
//! The schema itself accepts any envelope of any room.

use serde_json::{Map, Value, json};

use super::direction::Direction;
use super::model::{Contract, ContractRoom, RoomEvents, needs_no_data};
use super::names::Names;
use super::payload_types::PayloadTypes;
use super::typescript;
use super::variants::with_plain_variants;
use crate::event::{EventDefinition, HistorySetting};
use crate::room::Segment;

/// The document.
pub(crate) fn json_schema(contract: &Contract) -> Value {
    let types = PayloadTypes::of(contract, typescript::reserved());
    let mut names = Names::besides([]).and(types.schemas.keys());
    let mut definitions: Map<String, Value> = Map::new();
    let mut all = Vec::new();
    for room in &contract.rooms {
        let mut name = |what: &str| {
            names
                .name(&format!("{}{what}", room.declaration.type_name), "", &room.pattern())
                .name
        };
        let (events, triggered_events) = (name("Events"), name("Triggers"));
        let room_id = room_id(room);
        let room_events = contract.received(room);
        let mut received = alternatives(&room_events, &types, Direction::Outbound, |name, data, _| {
            let mut envelope = envelope(&room_id, name, data);
            envelope["not"] = json!({ "required": ["erased"] });
            envelope
        });
        received.extend(erased(&room_id, &room_events));
        let triggers = alternatives(&contract.triggers(room), &types, Direction::Inbound, triggered);
        all.push(payload(Some(&events)));
        let about = [
            (events, received, "receive"),
            (triggered_events, triggers, "may trigger"),
        ];
        definitions.extend(about.map(|(name, alternatives, what)| {
            let schema = titled(&name, alternatives, room, what);
            (name, schema)
        }));
    }
    let plain = |(name, schema): (&String, &Value)| (name.clone(), with_plain_variants(schema, &types.schemas));
    definitions.extend(types.schemas.iter().map(plain));
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rooms",
        "description": "An event that clients receive in one of the rooms.",
        "anyOf": all,
        "$defs": definitions,
    });
    if let (true, Value::Object(keywords)) = (contract.rooms.is_empty(), &mut document) {
        // `anyOf` needs at least one alternative.
        keywords.remove("anyOf");
        keywords.insert("not".to_owned(), json!({}));
    }
    document.sort_all_objects();
    document
}

/// A schema for the id of a room, or for the ids of a family.
pub(super) fn room_id(room: &ContractRoom) -> Value {
    let segments = room.segments();
    if let [Segment::Literal(id)] = segments.as_slice() {
        return json!({ "const": id });
    }
    let pattern: String = segments
        .iter()
        .map(|segment| match segment {
            // The only character of an id that has another meaning in a pattern.
            Segment::Literal(text) => text.replace('.', "\\."),
            Segment::Field(_) => "[A-Za-z0-9_.:=@,;%-]+".to_owned(),
        })
        .collect();
    json!({ "type": "string", "pattern": format!("^{pattern}$"), "maxLength": 128 })
}

/// A schema for valid event names.
pub(super) fn event_name() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$" })
}

/// The schema of an event in its envelope.
pub(super) fn envelope(room_id: &Value, event: Value, data: Value) -> Value {
    json!({
        "type": "object",
        "required": ["event", "roomId", "data", "from", "timestamp"],
        "properties": {
            "event": event,
            "roomId": room_id,
            "data": data,
            "from": { "type": "string", "description": "The user who triggered it, or `system` for the server." },
            "timestamp": {
                "type": "integer",
                "format": "int64",
                "minimum": 0,
                "description": "When the server accepted it, in milliseconds since the Unix epoch.",
            },
            "meta": { "type": "object", "description": "Metadata from the sender." },
            "seq": {
                "type": "integer",
                "format": "int64",
                "minimum": 0,
                "description": "Its number in the room, if the room keeps such events.",
            },
        },
    })
}

/// The schema of what is left of an event that was erased. `None` if the room keeps no events.
fn erased(room_id: &Value, room_events: &RoomEvents<'_>) -> Option<Value> {
    let kept = room_events
        .known
        .iter()
        .filter(|event| event.history() != HistorySetting::Off);
    let names: Vec<&str> = kept.map(|event| event.name().as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let mut erased = envelope(room_id, json!({ "enum": names }), json!({ "type": "null" }));
    erased["description"] = "What is left of an event whose data was erased.".into();
    erased["required"] = json!(["event", "roomId", "data", "from", "timestamp", "erased"]);
    if let Some(Value::Object(properties)) = erased.get_mut("properties") {
        properties.remove("meta");
        properties.insert("erased".to_owned(), json!({ "const": true }));
    }
    Some(erased)
}

/// A reference to a payload type by its name. Without a name, any payload is allowed.
pub(super) fn payload(name: Option<&str>) -> Value {
    name.map_or_else(|| json!({}), |name| json!({ "$ref": format!("#/$defs/{name}") }))
}

/// The schema of an event's name and data, in the form that clients trigger.
fn triggered(name: Value, data: Value, event: Option<&EventDefinition>) -> Value {
    let required = match event {
        Some(event) if !needs_no_data(event) => json!(["event", "data"]),
        _ => json!(["event"]),
    };
    json!({
        "type": "object",
        "required": required,
        "properties": { "event": name, "data": data },
    })
}

/// One alternative for each event, by its name. An open room has one more, for all other names.
fn alternatives(
    room_events: &RoomEvents<'_>,
    types: &PayloadTypes,
    direction: Direction,
    holder: impl Fn(Value, Value, Option<&EventDefinition>) -> Value,
) -> Vec<Value> {
    let names: Vec<&str> = room_events.known.iter().map(|event| event.name().as_str()).collect();
    let mut alternatives: Vec<Value> = room_events
        .known
        .iter()
        .map(|event| {
            let mut alternative = holder(
                json!({ "const": event.name() }),
                payload(types.payload(event, direction)),
                Some(event),
            );
            if let Some(description) = event.description() {
                alternative["description"] = description.into();
            }
            alternative
        })
        .collect();
    if room_events.open {
        let mut other = event_name();
        other["not"] = json!({ "enum": names });
        alternatives.push(holder(other, json!({}), None));
    }
    alternatives
}

fn titled(name: &str, alternatives: Vec<Value>, room: &ContractRoom, what: &str) -> Value {
    let mut schema = if alternatives.is_empty() {
        // `oneOf` needs at least one alternative. This schema accepts nothing.
        json!({ "not": {} })
    } else {
        json!({ "oneOf": alternatives })
    };
    schema["title"] = name.into();
    let about = format!("An event that clients {what} in {}.", room.declaration.name);
    schema["description"] = match room.declaration.description {
        Some(description) => format!("{about}\n\n{description}").into(),
        None => about.into(),
    };
    schema
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::prelude::*;

    /// A chat line.
    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Message {
        #[schemars(length(min = 1))]
        text: String,
        #[serde(default)]
        urgent: bool,
    }

    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Bell;

    rooms! {
        pub(super) Rooms;
        pub(super) Chat = "chat.room" { events: [Message], server_events: [Bell] }
        pub(super) Project { id: u64 } = "project-{id}" { events: [Bell] }
        pub(super) Wall = "wall" { events: [] }
    }

    /// A validator for the part of the document that a reference leads to.
    fn validator(reference: &str) -> jsonschema::Validator {
        let mut document = Rooms::json_schema().unwrap();
        if !reference.is_empty() {
            document.as_object_mut().unwrap().remove("anyOf");
            document["$ref"] = reference.into();
        }
        jsonschema::draft202012::options().build(&document).unwrap()
    }

    fn envelope(room: &str, event: &str, data: Value) -> Value {
        json!({ "event": event, "roomId": room, "data": data, "from": "ada", "timestamp": 1, "seq": 3 })
    }

    #[test]
    fn the_document_accepts_exactly_the_envelopes_that_clients_receive() {
        let received = validator("");
        let message = json!({ "text": "hi", "urgent": false });
        for (room, event, data, valid) in [
            ("chat.room", "message", message.clone(), true),
            ("chat.room", "bell", json!(null), true),
            ("project-7", "bell", json!(null), true),
            ("wall", "message", message.clone(), true),
            ("wall", "made-up", json!([1]), true),
            ("chat.room", "message", json!({ "text": "hi" }), false),
            ("chat.room", "made-up", json!(null), false),
            ("chat-room", "bell", json!(null), false),
            ("project-", "bell", json!(null), false),
            ("project-7", "message", message, false),
            ("wall", "message", json!("hi"), false),
        ] {
            assert_eq!(
                received.is_valid(&envelope(room, event, data)),
                valid,
                "{event} in {room}"
            );
        }
    }

    #[test]
    fn triggers_may_omit_defaults_and_null_data() {
        let chat = validator("#/$defs/ChatTriggers");
        assert!(chat.is_valid(&json!({ "event": "message", "data": { "text": "hi" } })));
        assert!(!chat.is_valid(&json!({ "event": "message" })));
        assert!(
            !chat.is_valid(&json!({ "event": "bell" })),
            "only the server may trigger it"
        );
        assert!(validator("#/$defs/ProjectTriggers").is_valid(&json!({ "event": "bell" })));
        assert!(!validator("#/$defs/WallTriggers").is_valid(&json!({ "event": "bell" })));
    }

    #[test]
    fn the_document_of_no_rooms_accepts_nothing() {
        let document = super::json_schema(&super::Contract::of(&[], &[]).unwrap());
        assert!(!jsonschema::is_valid(&document, &envelope("chat", "bell", json!(null))));
    }
}
