//! The frames of the protocol, as `docs/protocol.md` describes them: the frames that belong to no event.

mod from_client;
mod from_server;

pub(super) use from_client::from_client;
pub(super) use from_server::from_server;

use serde_json::{Map, Value, json};

/// A frame.
pub(super) struct Frame {
    /// Its name in this document: its type in the protocol, except where both sides use the same type.
    pub(super) name: &'static str,
    /// Its type in the protocol.
    pub(super) kind: &'static str,
    pub(super) summary: &'static str,
    pub(super) required: &'static [&'static str],
    /// The schemas of its fields besides `type`.
    pub(super) fields: Value,
    pub(super) example: Value,
}

impl Frame {
    /// Whether the frame may belong to a request.
    pub(super) fn has_id(&self) -> bool {
        self.name != "direct"
    }
}

/// A command of a client, and the frames that answer it.
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) replies: &'static [&'static str],
}

/// The commands besides `trigger`.
pub(super) const COMMANDS: [Command; 11] = [
    command("connect", &["connected", "error"]),
    command("join", &["joined", "error"]),
    command("leave", &["left", "error"]),
    command("subscribe", &["ok", "error"]),
    command("unsubscribe", &["ok", "error"]),
    command("subscribe-all", &["ok", "error"]),
    command("history", &["history-page", "error"]),
    command("list-rooms", &["rooms", "error"]),
    command("create-room", &["room-created", "error"]),
    command("delete-room", &["room-deleted", "error"]),
    command("ping", &["pong", "error"]),
];

/// The frames that the server sends without a request.
pub(super) const NOTICES: [&str; 7] = [
    "joined",
    "left",
    "erased",
    "room-created",
    "room-deleted",
    "direct",
    "error",
];

const fn command(name: &'static str, replies: &'static [&'static str]) -> Command {
    Command { name, replies }
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn count(description: &str) -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 0, "description": description })
}

fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

fn list(of: Value, description: &str) -> Value {
    json!({ "type": "array", "items": of, "description": description })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// The `id` of a request and of its reply.
pub(super) fn id() -> Value {
    json!({
        "type": "integer",
        "format": "int64",
        "description": "Chosen by the client. The reply has the same id. A frame that answers no request has none.",
    })
}

/// The types that frames share. Frames refer to them by these names.
pub(super) fn shared() -> [(&'static str, Value); 4] {
    let object = |required: &[&str], properties: Value| json!({ "type": "object", "required": required, "properties": properties });
    [
        (
            "Envelope",
            object(
                &["event", "roomId", "data", "from", "timestamp"],
                json!({
                    "event": text("The event's name."),
                    "roomId": text("The room's id."),
                    "data": { "description": "The payload. The channel of the room has its types." },
                    "from": text("The user who triggered it, or `system` for the server."),
                    "timestamp": count("When the server accepted it, in milliseconds since the Unix epoch."),
                    "meta": { "type": "object", "description": "Metadata from the sender." },
                    "seq": count("Its number in the room, if the room keeps such events."),
                    "erased": flag("Present and true if the event was erased: `data` is null then, whatever its type is."),
                }),
            ),
        ),
        (
            "Position",
            object(
                &["epoch", "seq"],
                json!({
                    "epoch": text("The incarnation of the room."),
                    "seq": count("The number of the latest event that the client has seen."),
                }),
            ),
        ),
        (
            "RoomInfo",
            object(
                &["id", "name", "size"],
                json!({
                    "id": text("The room's id."),
                    "name": text("Its name for people."),
                    "description": text("Its description for people."),
                    "size": count("The number of clients in the room."),
                    "maxSize": count("The highest number of clients that can be in the room. Absent: no limit of its own."),
                    "createdById": text("The user who created it."),
                }),
            ),
        ),
        (
            "Violation",
            object(
                &["path", "rule", "message"],
                json!({
                    "path": text("A JSON Pointer into `data`."),
                    "rule": text("The keyword of the schema that the data breaks."),
                    "message": text("The fault, for people."),
                }),
            ),
        ),
    ]
}

/// Fields and more fields.
fn with(fields: Value, more: Value) -> Value {
    let mut all: Map<String, Value> = Map::new();
    for part in [fields, more] {
        if let Value::Object(part) = part {
            all.extend(part);
        }
    }
    all.into()
}
