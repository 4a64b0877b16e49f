//! The frames that the server sends.

use serde_json::{Value, json};

use super::{Frame, count, flag, list, reference, text, with};

/// The frames that the server sends, besides `event`.
pub(in super::super) fn from_server() -> Vec<Frame> {
    let room_id = || text("The room's id.");
    let of_room = |extra: Value| with(json!({ "roomId": room_id() }), extra);
    let rate = json!({
        "type": "object",
        "required": ["frames", "window"],
        "properties": {
            "frames": count("At most this many frames in any window."),
            "window": count("In milliseconds. 0 means that there is no limit."),
        },
        "description": "How fast the client may send.",
    });
    let room = json!({ "id": "table-7", "name": "Table 7", "size": 0, "maxSize": 4, "createdById": "ada" });
    let past = json!({
        "event": "message", "roomId": "chat", "data": { "text": "hi" }, "from": "ada",
        "timestamp": 1_764_032_000_000_u64, "seq": 57,
    });
    vec![
        Frame {
            name: "connected",
            kind: "connected",
            summary: "The client is signed in.",
            required: &[
                "protocol",
                "clientId",
                "userId",
                "resume",
                "pingInterval",
                "maxMessageBytes",
                "fingerprint",
            ],
            fields: json!({
                "protocol": { "type": "integer", "format": "int32", "description": "The version of the protocol: 1." },
                "clientId": text("The id of this connection."),
                "userId": text("The user, from the application's authentication."),
                "resume": text("A secret for the next `connect` after this connection."),
                "pingInterval": count("How long a client may be silent, in milliseconds."),
                "maxMessageBytes": count("The longest message that the server accepts."),
                "rate": rate,
                "expiresIn": count("Milliseconds until the session ends. Absent if it does not."),
                "fingerprint": text("The version of the contract, as in `info.version` of this document."),
            }),
            example: json!({
                "id": 0, "protocol": 1, "clientId": "c_8Jx2", "userId": "ada", "resume": "r_T0pS3cret",
                "pingInterval": 25_000, "maxMessageBytes": 65_536, "rate": { "frames": 200, "window": 4_000 },
                "fingerprint": "9f2c61d0",
            }),
        },
        Frame {
            name: "joined",
            kind: "joined",
            summary: "The client is in a room. Without `id`, the server has added it.",
            required: &["roomId", "roomName", "subscriptions", "epoch", "seq", "events"],
            fields: of_room(json!({
                "roomName": text("The room's name for people."),
                "subscriptions": list(text("An event's name, or `*` for every event."), "The client's subscriptions."),
                "except": list(text("An event's name."), "The events that the wildcard does not cover."),
                "epoch": text("The incarnation of the room."),
                "seq": count("The number of its latest event."),
                "recovered": flag("Whether the client has missed nothing since the position that it gave."),
                "events": list(reference("Envelope"), "Past events, oldest first."),
            })),
            example: json!({
                "id": 1, "roomId": "chat", "roomName": "Chat", "subscriptions": ["*"], "epoch": "e5Rq", "seq": 57,
                "events": [past],
            }),
        },
        Frame {
            name: "left",
            kind: "left",
            summary: "The client is no longer in a room.",
            required: &["roomId"],
            fields: of_room(json!({
                "reason": text("Why the server ended the membership: `removed`, `roomDeleted`, `denied` or `revoked`."),
            })),
            example: json!({ "id": 2, "roomId": "chat" }),
        },
        Frame {
            name: "ok",
            kind: "ok",
            summary: "The command was carried out.",
            required: &["id"],
            fields: json!({ "seq": count("The event's number, or the number after which a subscription starts.") }),
            example: json!({ "id": 6, "seq": 58 }),
        },
        Frame {
            name: "error",
            kind: "error",
            summary: "The command was not carried out.",
            required: &["code", "message"],
            fields: json!({
                "code": text("The reason, for programs, such as `VALIDATION_FAILED`. Treat an unknown code as `INTERNAL`."),
                "message": text("The reason, for people."),
                "roomId": text("The `roomId` of the request."),
                "event": text("The `event` of the request."),
                "violations": list(reference("Violation"), "The faults of `data`."),
                "data": { "description": "The application's own explanation for the client's program: any JSON." },
                "retryAfter": count("How long to wait before trying again, in milliseconds."),
            }),
            example: json!({
                "id": 6, "code": "VALIDATION_FAILED", "message": "The data is invalid.", "roomId": "chat",
                "event": "message", "violations": [{ "path": "/text", "rule": "minLength", "message": "is too short" }],
            }),
        },
        Frame {
            name: "history-page",
            kind: "history",
            summary: "Past events, newest first.",
            required: &["roomId", "event", "events", "more"],
            fields: of_room(json!({
                "event": text("The name of all these events."),
                "events": list(reference("Envelope"), "The events, newest first."),
                "more": flag("Whether there are older events."),
                "next": {
                    "type": "object",
                    "description": "The fields of a request that continues the page, if its last event has no `seq`.",
                    "required": ["before", "skip"],
                    "properties": {
                        "before": count("The events before this `seq`."),
                        "skip": count("How many events without a `seq` to skip."),
                    },
                },
            })),
            example: json!({ "id": 7, "roomId": "chat", "event": "message", "events": [past], "more": true }),
        },
        Frame {
            name: "rooms",
            kind: "rooms",
            summary: "A page of rooms.",
            required: &["rooms", "more"],
            fields: json!({
                "rooms": list(reference("RoomInfo"), "The rooms, by id."),
                "more": flag("Whether there are more: ask again with `after`."),
            }),
            example: json!({ "id": 8, "rooms": [room], "more": false }),
        },
        Frame {
            name: "room-created",
            kind: "roomCreated",
            summary: "A room was created, by this client if there is an `id`.",
            required: &["room"],
            fields: json!({ "room": reference("RoomInfo") }),
            example: json!({ "id": 9, "room": room }),
        },
        Frame {
            name: "room-deleted",
            kind: "roomDeleted",
            summary: "A room was deleted, by this client if there is an `id`.",
            required: &["roomId"],
            fields: of_room(json!({})),
            example: json!({ "id": 10, "roomId": "table-7" }),
        },
        Frame {
            name: "erased",
            kind: "erased",
            summary: "The data of an event was erased. Only for clients that ask for it in `join`.",
            required: &["roomId", "seq"],
            fields: of_room(json!({ "seq": count("The number of the event.") })),
            example: json!({ "roomId": "chat", "seq": 57 }),
        },
        Frame {
            name: "pong",
            kind: "pong",
            summary: "The server is there.",
            required: &[],
            fields: json!({}),
            example: json!({ "id": 11 }),
        },
        Frame {
            name: "direct",
            kind: "direct",
            summary: "An event outside of any room.",
            required: &["event", "data"],
            fields: json!({
                "event": text("The event's name."),
                "data": { "description": "The payload." },
            }),
            example: json!({ "event": "news", "data": { "title": "Version 2 is out" } }),
        },
    ]
}
