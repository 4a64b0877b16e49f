//! The channel of the WebSocket itself, with the frames that belong to no event.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::frames::{self, COMMANDS, Frame, NOTICES};
use super::parts::{CONNECTION, Document, Operation, correlation};
use crate::contract::reference::redirected;

/// Adds the channel of the WebSocket, with the frames of the protocol.
pub(super) fn add(document: &mut Document<'_>) {
    let shared: BTreeMap<String, String> = frames::shared()
        .iter()
        .map(|(name, _)| ((*name).to_owned(), document.names.name(name, "", "shared").name))
        .collect();
    for (name, schema) in frames::shared() {
        let schema = redirected(&schema, "", &shared);
        document.schema(shared[name].clone(), &schema);
    }
    let mut in_channel = Map::new();
    for (of_client, frame) in frames::from_client()
        .into_iter()
        .map(|frame| (true, frame))
        .chain(frames::from_server().into_iter().map(|frame| (false, frame)))
    {
        let name = document.names.name(&format!("{}-frame", frame.name), "", "frame").name;
        let payload = redirected(&frame_schema(&frame), "", &shared);
        let mut message = json!({
            "name": frame.kind,
            "title": title(frame.kind, of_client),
            "summary": frame.summary,
            "examples": [{ "payload": example(&frame) }],
        });
        if frame.has_id() {
            message["correlationId"] = correlation();
        }
        document.message(&name, message, &payload);
        in_channel.insert(name.clone(), json!({ "$ref": format!("#/components/messages/{name}") }));
        document.frames.insert(frame.name, name);
    }
    document.channels.insert(CONNECTION.to_owned(), json!({
        "address": "/",
        "title": "The connection",
        "description": "The WebSocket itself, which all channels share, with the frames that belong to no event. The \
                        first frame is `connect`. Join a room before you use its channel.",
        "messages": in_channel,
    }));
    for (name, summary) in frames::from_client().iter().map(|frame| (frame.name, frame.summary)) {
        let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
            continue;
        };
        let about = Operation {
            name: &pascal(name),
            channel: CONNECTION,
            summary,
            is_from_client: true,
            signs_in: name == "connect",
        };
        let message = document.frames.get(name).cloned();
        document.operation(&about, message.as_slice(), command.replies);
    }
    let about = Operation {
        name: "Notice",
        channel: CONNECTION,
        summary: "What the server says without a request.",
        is_from_client: false,
        signs_in: false,
    };
    let notices: Vec<String> = NOTICES
        .iter()
        .filter_map(|name| document.frames.get(name).cloned())
        .collect();
    document.operation(&about, &notices, &[]);
}

fn title(kind: &str, is_from_client: bool) -> String {
    let by = if is_from_client { "client" } else { "server" };
    format!("`{kind}`, from the {by}")
}

fn frame_schema(frame: &Frame) -> Value {
    let mut schema = json!({
        "type": "object",
        "description": frame.summary,
        "required": ["type"],
        "properties": frame.fields,
    });
    schema["properties"]["type"] = json!({ "const": frame.kind });
    if frame.has_id() {
        schema["properties"]["id"] = frames::id();
    }
    if let Value::Array(required) = &mut schema["required"] {
        required.extend(frame.required.iter().map(|name| Value::from(*name)));
    }
    schema
}

fn example(frame: &Frame) -> Value {
    let mut example = frame.example.clone();
    example["type"] = frame.kind.into();
    example
}

/// Turns `subscribe-all` into `SubscribeAll`.
fn pascal(name: &str) -> String {
    name.split('-')
        .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
        .collect()
}
