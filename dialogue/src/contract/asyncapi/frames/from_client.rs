//! The frames that clients send.

use serde_json::{Value, json};

use super::{Frame, count, flag, list, reference, text, with};

/// The frames that clients send, besides `trigger`.
pub(in super::super) fn from_client() -> Vec<Frame> {
    let room_id = || text("The room's id.");
    let of_room = |extra: Value| with(json!({ "roomId": room_id() }), extra);
    let event = || json!({ "event": text("The event's name.") });
    vec![
        Frame {
            name: "connect",
            kind: "connect",
            summary: "Signs the client in. It is the first frame of a connection, and later refreshes the session.",
            required: &["protocol"],
            fields: json!({
                "protocol": { "type": "integer", "format": "int32", "description": "The version of the protocol: 1." },
                "auth": { "description": "The credentials that the application signs users in with: any JSON." },
                "resume": text("The `resume` of the connection that this one replaces."),
            }),
            example: json!({ "id": 0, "protocol": 1, "auth": { "userId": "ada" } }),
        },
        Frame {
            name: "join",
            kind: "join",
            summary: "Enters a room. After a reconnect, `since` asks for the events that the client missed.",
            required: &["roomId"],
            fields: of_room(json!({
                "subscriptions": list(text("An event's name, or `*` for every event."), "Absent: the room's default subscriptions."),
                "except": list(text("An event's name."), "Events that the wildcard `*` does not cover."),
                "since": reference("Position"),
                "erasures": flag("Whether the server tells this client which events of the room are erased."),
            })),
            example: json!({ "id": 1, "roomId": "chat", "subscriptions": ["*"] }),
        },
        Frame {
            name: "leave",
            kind: "leave",
            summary: "Leaves a room.",
            required: &["roomId"],
            fields: of_room(json!({})),
            example: json!({ "id": 2, "roomId": "chat" }),
        },
        Frame {
            name: "subscribe",
            kind: "subscribe",
            summary: "Subscribes to one event of a room.",
            required: &["roomId", "event"],
            fields: of_room(event()),
            example: json!({ "id": 3, "roomId": "chat", "event": "typing" }),
        },
        Frame {
            name: "unsubscribe",
            kind: "unsubscribe",
            summary: "Ends the subscription to one event of a room.",
            required: &["roomId", "event"],
            fields: of_room(event()),
            example: json!({ "id": 5, "roomId": "chat", "event": "typing" }),
        },
        Frame {
            name: "subscribe-all",
            kind: "subscribeAll",
            summary: "Subscribes to all events of a room.",
            required: &["roomId"],
            fields: of_room(json!({})),
            example: json!({ "id": 4, "roomId": "chat" }),
        },
        Frame {
            name: "history",
            kind: "history",
            summary: "Asks for past events of one name, newest first, by number (`before`) or by place (`start`).",
            required: &["roomId", "event"],
            fields: of_room(with(
                event(),
                json!({
                    "before": count("The events before this `seq`."),
                    "limit": count("At most this many. Default: 50."),
                    "skip": count("Only events without a `seq`, after the first so many. Requires `before`."),
                    "start": count("The place of the first event; 0 is the newest."),
                    "end": count("The place after the last event."),
                }),
            )),
            example: json!({ "id": 7, "roomId": "chat", "event": "message", "before": 58, "limit": 2 }),
        },
        Frame {
            name: "list-rooms",
            kind: "listRooms",
            summary: "Lists the rooms.",
            required: &[],
            fields: json!({ "after": text("The id of the last room of the page before.") }),
            example: json!({ "id": 8 }),
        },
        Frame {
            name: "create-room",
            kind: "createRoom",
            summary: "Creates a room of a family that is open to clients.",
            required: &["room"],
            fields: json!({ "room": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": text("The room's id."),
                    "name": text("Its name for people."),
                    "description": text("Its description for people."),
                    "maxSize": count("The highest number of clients that can be in the room."),
                },
            } }),
            example: json!({ "id": 9, "room": { "id": "table-7", "name": "Table 7", "maxSize": 4 } }),
        },
        Frame {
            name: "delete-room",
            kind: "deleteRoom",
            summary: "Deletes a room that the same user created.",
            required: &["roomId"],
            fields: of_room(json!({})),
            example: json!({ "id": 10, "roomId": "table-7" }),
        },
        Frame {
            name: "ping",
            kind: "ping",
            summary: "Asks whether the server is still there.",
            required: &[],
            fields: json!({}),
            example: json!({ "id": 11 }),
        },
    ]
}
