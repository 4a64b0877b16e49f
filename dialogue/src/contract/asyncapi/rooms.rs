//! The channel of a room, with the messages of its events.

use serde_json::{Map, Value, json};

use super::parts::{Document, Operation, correlation};
use super::{examples, frames};
use crate::contract::direction::Direction;
use crate::contract::json_schema::{envelope, event_name, payload};
use crate::contract::model::{Contract, ContractRoom, RoomEvents, needs_no_data};
use crate::event::EventDefinition;
use crate::room::{IdPattern, Segment};

/// Adds the channel `key` of a room, and its operations.
pub(super) fn add(document: &mut Document<'_>, contract: &Contract, room: &ContractRoom, key: &str) {
    let mut in_channel = Map::new();
    let mut operations = Vec::new();
    for (direction, room_events) in [
        (Direction::Inbound, contract.triggers(room)),
        (Direction::Outbound, contract.received(room)),
    ] {
        let messages = messages(document, room, &room_events, direction);
        in_channel.extend(messages.iter().map(|name| {
            let reference = json!({ "$ref": format!("#/components/messages/{name}") });
            (name.clone(), reference)
        }));
        if !messages.is_empty() {
            operations.push((direction, messages));
        }
    }
    document.channels.insert(key.to_owned(), channel(room, in_channel));
    for (direction, messages) in operations {
        let is_from_client = direction == Direction::Inbound;
        let what = if is_from_client { "may trigger" } else { "receive" };
        let about = Operation {
            name: &format!("In{key}"),
            channel: key,
            summary: &format!("The events that clients {what} in {}.", room.declaration.name),
            is_from_client,
            signs_in: false,
        };
        let replies: &[&str] = if is_from_client { &["ok", "error"] } else { &[] };
        document.operation(&about, &messages, replies);
    }
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

/// The names of a room's messages in one direction. Rooms that have the same event share its message.
fn messages(
    document: &mut Document<'_>,
    room: &ContractRoom,
    room_events: &RoomEvents<'_>,
    direction: Direction,
) -> Vec<String> {
    let mut names = Vec::new();
    for event in &room_events.known {
        let of_data = document.types.payload(event, direction).map(str::to_owned);
        // Events with the same name and other payloads have messages of their own.
        let identity = format!("{} {}", event.name(), of_data.as_deref().unwrap_or_default());
        let name = name(document, event.name(), &identity, direction);
        if !document.has_message(&name) {
            let mut frame = frame(json!({ "const": event.name() }), payload(of_data.as_deref()), direction);
            if direction == Direction::Inbound && !needs_no_data(event) {
                require(&mut frame, "data");
            }
            document.message(&name, message(room, Some(event), direction), &frame);
        }
        names.push(name);
    }
    if room_events.open {
        let name = name(document, "any", "", direction);
        if !document.has_message(&name) {
            let frame = frame(event_name(), json!({}), direction);
            document.message(&name, message(room, None, direction), &frame);
        }
        names.push(name);
    }
    names
}

fn name(document: &mut Document<'_>, event: &str, identity: &str, direction: Direction) -> String {
    document
        .names
        .name(&format!("{event}-{}", kind(direction)), "", identity)
        .name
}

/// The type of the frame.
fn kind(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "trigger",
        Direction::Outbound => "event",
    }
}

fn message(room: &ContractRoom, event: Option<&EventDefinition>, direction: Direction) -> Value {
    let name = event.map_or("any", |event| event.name());
    let mut message = json!({
        "name": name,
        "title": match (event, direction) {
            (None, Direction::Inbound) => "Any event, triggered".to_owned(),
            (None, Direction::Outbound) => "Any event".to_owned(),
            (Some(_), Direction::Inbound) => format!("`{name}`, triggered"),
            (Some(_), Direction::Outbound) => format!("`{name}`"),
        },
    });
    if let Some(description) = event.and_then(EventDefinition::description) {
        message["description"] = description.into();
    }
    if let Some(frame) = examples::frame(room, event, direction) {
        message["examples"] = json!([{ "payload": frame }]);
    }
    if direction == Direction::Inbound {
        message["correlationId"] = correlation();
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
                "id": frames::id(),
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
                "repeats": {
                    "type": "object",
                    "required": ["clientId", "epoch"],
                    "properties": {
                        "clientId": { "type": "string", "description": "The connection that first sent this trigger." },
                        "epoch": { "type": "string", "description": "The room's epoch, as the client knew it then." },
                    },
                    "description": "Marks a repetition, and names its first attempt. Needs `key`.",
                },
            },
        }),
    };
    frame["properties"]["type"] = json!({ "const": kind(direction) });
    require(&mut frame, "type");
    frame
}

fn require(frame: &mut Value, property: &str) {
    if let Some(Value::Array(required)) = frame.get_mut("required") {
        required.push(property.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::asyncapi::document::asyncapi;
    use crate::contract::asyncapi::view::View;

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
        use crate::event::dialogue_event::DialogueEvent;

        let names = ["message", "Message", "any", "a:b", "a_b", "*"];
        let mut events = vec![open::Message::definition().clone()];
        for name in &names[1..5] {
            events.push(EventDefinition::new(*name).build().unwrap());
        }
        let contract = Contract::of(open::Rooms::declarations(), &events).unwrap();
        let document = asyncapi(&contract, View::Client, None);
        for operation in ["sendInChat", "receiveInChat"] {
            let messages = document["operations"][operation]["messages"].as_array().unwrap();
            assert_eq!(messages.len(), names.len(), "{messages:?}");
        }
    }
}
