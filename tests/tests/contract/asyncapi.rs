//! The AsyncAPI document against the protocol: each frame of `docs/protocol.md`, and each frame of a real conversation,
//! satisfies the payload of its message.

use dialogue::{Dialogue, RoomSet};
use dialogue_tests::{RawClient, TestServer};
use serde_json::{Value, json};

use super::rooms::{AlikeRooms, OpenRooms, Rooms};

const PROTOCOL: &str = include_str!("../../../docs/protocol.md");

/// A validator for one of the document's types, in the draft that AsyncAPI's schemas have.
fn validator(document: &Value, name: &str) -> jsonschema::Validator {
    let schema = json!({
        "allOf": [{ "$ref": format!("#/components/schemas/{name}") }],
        "components": document["components"],
    });
    jsonschema::draft7::options()
        .build(&schema)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of an operation's messages, and of the replies to it.
fn messages(document: &Value, operation: &str) -> [Vec<String>; 2] {
    let operation = &document["operations"][operation];
    [&operation["messages"], &operation["reply"]["messages"]].map(|list| {
        let names = list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| item["$ref"].as_str()?.rsplit('/').next());
        names.map(str::to_owned).collect()
    })
}

/// The beginning of an envelope.
const ENVELOPE: &str =
    r#"{"event":"message","roomId":"chat","data":{"text":"hi"},"from":"ada","timestamp":1764032000000,"#;

/// All examples of the protocol's page, each with its direction.
fn documented() -> Vec<(char, Value)> {
    let mut lines = PROTOCOL.lines();
    let mut examples = Vec::new();
    while let Some(line) = lines.next() {
        let Some(arrow @ ('→' | '←')) = line.chars().next() else {
            continue;
        };
        let mut text = line.trim_start_matches(arrow).to_owned();
        while !text.trim_end().ends_with('}') {
            text += lines.next().expect("the end of the example");
        }
        // In some envelopes, an ellipsis stands for everything but the number.
        let text = text.replace("{…,", ENVELOPE);
        examples.push((arrow, serde_json::from_str(&text).expect("an example is JSON")));
    }
    examples
}

/// The name of a frame's type in the document.
fn type_of(arrow: char, frame: &Value) -> String {
    let kind = frame["type"].as_str().expect("a type");
    let event = frame["event"].as_str().unwrap_or_default();
    match (arrow, kind) {
        ('→', "trigger") => capital(event) + "Trigger",
        ('←', "event") => capital(event) + "Event",
        ('←', "history") => "HistoryPageFrame".to_owned(),
        (_, kind) => capital(kind) + "Frame",
    }
}

/// The text with a capital at the start of each word.
fn capital(text: &str) -> String {
    let words = text.split(['-', ':']);
    words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}

#[test]
fn every_frame_of_protocol_md_satisfies_the_document() {
    let document = chat::Rooms::asyncapi().expect("the document");
    let mut found = std::collections::BTreeSet::new();
    for (arrow, frame) in documented() {
        let name = type_of(arrow, &frame);
        let validator = validator(&document, &name);
        if let Err(error) = validator.validate(&frame) {
            panic!("{name}: {error}: {frame}");
        }
        found.insert(name);
    }
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let frames: Vec<_> = schemas.keys().filter(|name| name.ends_with("Frame")).collect();
    for name in frames {
        assert!(found.contains(name), "the page has no example of {name}");
    }
}

#[test]
fn a_client_sends_commands_and_triggers_and_receives_replies_and_events() {
    let document = Rooms::asyncapi().expect("the document");
    assert_eq!(document["operations"]["sendInChat"]["action"], "send");
    assert_eq!(document["operations"]["receiveInChat"]["action"], "receive");
    assert_eq!(
        messages(&document, "sendInChat"),
        [vec!["MessageTrigger", "BellTrigger"], vec!["OkFrame", "ErrorFrame"]]
    );
    for (command, reply) in [
        ("Connect", "ConnectedFrame"),
        ("Join", "JoinedFrame"),
        ("Leave", "LeftFrame"),
        ("SubscribeAll", "OkFrame"),
        ("History", "HistoryPageFrame"),
        ("ListRooms", "RoomsFrame"),
        ("Ping", "PongFrame"),
    ] {
        let operation = format!("send{command}");
        assert_eq!(document["operations"][&operation]["action"], "send", "{operation}");
        let sent = format!("{command}Frame");
        assert_eq!(
            messages(&document, &operation),
            [vec![sent], vec![reply.to_owned(), "ErrorFrame".to_owned()]]
        );
    }
    let [notices, _] = messages(&document, "receiveNotice");
    assert!(notices.contains(&"LeftFrame".to_owned()), "{notices:?}");
    let security = &document["operations"]["sendConnect"]["security"][0]["$ref"];
    assert_eq!(security, "#/components/securitySchemes/signIn");
    assert_eq!(document.get("servers"), None);
}

#[test]
fn every_message_has_a_title_and_an_example_that_satisfies_its_payload() {
    for document in [Rooms::asyncapi(), OpenRooms::asyncapi(), AlikeRooms::asyncapi()] {
        let document = document.expect("the document");
        for (name, message) in document["components"]["messages"].as_object().expect("messages") {
            assert!(message["title"].is_string(), "{name}");
            let reference = message["payload"]["$ref"].as_str().expect("a reference");
            let of_payload = validator(&document, reference.rsplit('/').next().expect("a name"));
            let example = &message["examples"][0]["payload"];
            if let Err(error) = of_payload.validate(example) {
                panic!("{name}: {error}: {example}");
            }
        }
    }
}

#[tokio::test]
async fn the_frames_of_a_real_conversation_satisfy_the_document() {
    let server = TestServer::start(Dialogue::builder().rooms::<Rooms>().trust_client_identity()).await;
    let document = Rooms::asyncapi().expect("the document");
    let check = |arrow: char, frame: &Value| {
        let name = type_of(arrow, frame);
        if let Err(error) = validator(&document, &name).validate(frame) {
            panic!("{name}: {error}: {frame}");
        }
        name
    };
    let mut client = server.open().await;
    let mut received = std::collections::BTreeSet::new();
    for frame in [
        json!({ "type": "connect", "id": 1, "protocol": 1, "auth": { "userId": "ada" } }),
        json!({ "type": "join", "id": 2, "roomId": "chat", "subscriptions": ["*"] }),
        json!({ "type": "trigger", "id": 3, "roomId": "chat", "event": "message", "data": { "text": "hi" }, "key": "k" }),
        json!({ "type": "subscribe", "id": 4, "roomId": "chat", "event": "bell" }),
        json!({ "type": "history", "id": 5, "roomId": "chat", "event": "message" }),
        json!({ "type": "listRooms", "id": 6 }),
        json!({ "type": "createRoom", "id": 7, "room": { "id": "project-acme-7", "name": "Seven", "maxSize": 3 } }),
        json!({ "type": "deleteRoom", "id": 8, "roomId": "project-acme-7" }),
        json!({ "type": "join", "id": 9, "roomId": "nowhere" }),
        json!({ "type": "leave", "id": 10, "roomId": "chat" }),
        json!({ "type": "ping", "id": 11 }),
    ] {
        check('→', &frame);
        let id = frame["id"].clone();
        client.send(frame).await;
        loop {
            let frame = client.recv().await;
            received.insert(check('←', &frame));
            if frame["id"] == id {
                break;
            }
        }
    }
    let bad = json!({ "type": "trigger", "id": 12, "roomId": "chat", "event": "message", "data": {} });
    let refused = validator(&document, "MessageTrigger").validate(&bad).is_err();
    assert!(refused, "the payload has the event's schema");
    let expected = [
        "ConnectedFrame",
        "ErrorFrame",
        "HistoryPageFrame",
        "JoinedFrame",
        "LeftFrame",
        "MessageEvent",
        "OkFrame",
        "PongFrame",
        "RoomCreatedFrame",
        "RoomDeletedFrame",
        "RoomsFrame",
    ];
    assert_eq!(received.iter().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_server_with_a_public_url_says_where_it_is() {
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .base_path("/rt")
        .public_url("wss://chat.example:8443");
    let server = TestServer::start(builder).await;
    let get = async |path: &str| -> Value {
        let request = format!("GET {path} HTTP/1.1\r\nHost: dialogue\r\nConnection: close\r\n\r\n");
        let (status, body) = RawClient::text(server.address(), request).await;
        assert_eq!(status, 200, "{path}");
        serde_json::from_str(&body).expect("JSON")
    };
    let client = get("/rt/asyncapi.json").await;
    let place = &client["servers"]["public"];
    assert_eq!(
        [&place["protocol"], &place["host"], &place["pathname"]],
        ["wss", "chat.example:8443", "/rt/ws"]
    );
    assert_eq!(client["operations"]["sendInChat"]["action"], "send");
    let other_side = get("/rt/asyncapi-server.json").await;
    assert_eq!(other_side["servers"], client["servers"]);
    assert_eq!(other_side["operations"]["receiveInChat"]["action"], "receive");
    assert_eq!(
        other_side["operations"]["receiveJoin"]["reply"],
        client["operations"]["sendJoin"]["reply"]
    );
    assert!(
        Dialogue::builder()
            .rooms::<Rooms>()
            .public_url("https://chat.example")
            .build()
            .is_err()
    );
}
