//! The contract as one JSON Schema (draft 2020-12): the events that a client hears.
//!
//! `$defs` has each payload type under its name, and for each room `{id}/events`, the envelopes that are heard there, and
//! `{id}/triggers`, the event and data of what clients may trigger. The schema itself is any envelope of any room.

use serde_json::{Map, Value, json};

use super::direction::Direction;
use super::model::{Contract, ContractRoom, RoomEvents, needs_no_data};
use super::payload_types::PayloadTypes;
use super::typescript;
use crate::event::EventDefinition;
use crate::room::Segment;

/// The document.
pub(crate) fn json_schema(contract: &Contract) -> Value {
    let types = PayloadTypes::of(contract, typescript::reserved());
    let mut definitions: Map<String, Value> = Map::new();
    let mut all = Vec::new();
    for room in &contract.rooms {
        let id = room.pattern();
        let room_id = room_id(room);
        let received = alternatives(
            &contract.received(room),
            &types,
            Direction::Outbound,
            |name, data, _| envelope(&room_id, name, data),
        );
        let triggers = alternatives(&contract.triggers(room), &types, Direction::Inbound, triggered);
        all.push(json!({ "$ref": format!("#/$defs/{}", escaped(&format!("{id}/events"))) }));
        definitions.insert(format!("{id}/events"), titled(received, room, "heard"));
        definitions.insert(format!("{id}/triggers"), titled(triggers, room, "triggered"));
    }
    definitions.extend(types.schemas);
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rooms",
        "description": "An event that a client hears in one of the rooms.",
        "anyOf": all,
        "$defs": definitions,
    });
    if contract.rooms.is_empty() {
        // `anyOf` wants one at least.
        document["anyOf"] = json!([false]);
    }
    document.sort_all_objects();
    document
}

/// A schema for the ids of a room: one, or those of a family.
pub(super) fn room_id(room: &ContractRoom) -> Value {
    let segments = room.segments();
    if let [Segment::Literal(id)] = segments.as_slice() {
        return json!({ "const": id });
    }
    let pattern: String = segments
        .iter()
        .map(|segment| match segment {
            // The one character of an id that means something else in a pattern.
            Segment::Literal(text) => text.replace('.', "\\."),
            Segment::Field(_) => "[A-Za-z0-9_.:=@,;%-]+".to_owned(),
        })
        .collect();
    json!({ "type": "string", "pattern": format!("^{pattern}$"), "maxLength": 128 })
}

/// A schema for the names that events may have.
pub(super) fn event_name() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$" })
}

/// The schema of an event as it is heard.
pub(super) fn envelope(room_id: &Value, event: Value, data: Value) -> Value {
    json!({
        "type": "object",
        "required": ["event", "roomId", "data", "from", "timestamp"],
        "properties": {
            "event": event,
            "roomId": room_id,
            "data": data,
            "from": { "type": "string", "description": "The user who triggered it; `system` is the server." },
            "timestamp": {
                "type": "integer",
                "minimum": 0,
                "description": "When the server accepted it: milliseconds since the Unix epoch.",
            },
            "meta": { "type": "object", "description": "What the sender attached." },
            "seq": { "type": "integer", "minimum": 0, "description": "Its number in the room, if the room keeps such events." },
        },
    })
}

/// A payload type by its name, or anything.
pub(super) fn payload(name: Option<&str>) -> Value {
    name.map_or(Value::Bool(true), |name| json!({ "$ref": format!("#/$defs/{name}") }))
}

/// The schema of an event and its data, as they are triggered.
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

/// One alternative for each event, by its name; in an open room one more, for all other names.
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
        alternatives.push(holder(other, Value::Bool(true), None));
    }
    alternatives
}

fn titled(alternatives: Vec<Value>, room: &ContractRoom, what: &str) -> Value {
    let mut schema = if alternatives.is_empty() {
        // `oneOf` wants one at least. Nothing can be told apart here.
        json!({ "not": {} })
    } else {
        json!({ "oneOf": alternatives })
    };
    schema["title"] = format!("{}: what is {what}", room.declaration.name).into();
    if let Some(description) = room.declaration.description {
        schema["description"] = description.into();
    }
    schema
}

/// A name as a part of a reference: `/` within a JSON Pointer, and what a URI fragment may not have.
fn escaped(name: &str) -> String {
    name.replace('~', "~0")
        .replace('/', "~1")
        .replace('%', "%25")
        .replace('{', "%7B")
        .replace('}', "%7D")
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

    /// A validator of the part of the document that a reference leads to.
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
    fn the_document_is_of_every_envelope_that_is_heard_and_of_no_other() {
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
    fn what_clients_trigger_may_leave_out_what_has_a_default_and_data_that_is_none() {
        let chat = validator("#/$defs/chat.room~1triggers");
        assert!(chat.is_valid(&json!({ "event": "message", "data": { "text": "hi" } })));
        assert!(!chat.is_valid(&json!({ "event": "message" })));
        assert!(!chat.is_valid(&json!({ "event": "bell" })), "the server's alone");
        assert!(validator("#/$defs/project-%7Bid%7D~1triggers").is_valid(&json!({ "event": "bell" })));
        assert!(!validator("#/$defs/wall~1triggers").is_valid(&json!({ "event": "bell" })));
    }

    #[test]
    fn the_document_of_no_rooms_is_of_nothing() {
        let document = super::json_schema(&super::Contract::of(&[], &[]).unwrap());
        assert!(!jsonschema::is_valid(&document, &envelope("chat", "bell", json!(null))));
    }
}
