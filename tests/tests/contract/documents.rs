//! The documents that a server publishes about its rooms.

use dialogue::event::EventDefinition;
use dialogue::{Dialogue, RoomSet};
use dialogue_tests::{TestServer, within};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::rooms::{OpenRooms, Rooms};

#[tokio::test]
async fn a_server_serves_the_types_and_the_asyncapi_document_of_its_rooms() {
    let server = TestServer::start(Dialogue::builder().rooms::<Rooms>()).await;
    let types = get(&server, "/dialogue/client.d.ts").await;
    assert_eq!(types, Rooms::typescript().expect("the types"));
    let document: Value = serde_json::from_str(&get(&server, "/dialogue/asyncapi.json").await).expect("JSON");
    assert_eq!(document, Rooms::asyncapi().expect("the document"));
}

#[tokio::test]
async fn the_served_documents_cover_all_sets_of_rooms_and_the_events_registered_with_the_builder() {
    let known = EventDefinition::new("known")
        .schema(json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } }))
        .build()
        .expect("a definition");
    let builder = Dialogue::builder()
        .rooms::<OpenRooms>()
        .rooms::<lobby::Rooms>()
        .define_events([known])
        .base_path("/rt");
    let server = TestServer::start(builder).await;
    let types = get(&server, "/rt/client.d.ts").await;
    for part in [
        "sandbox: {",
        "lounge: {",
        "lobby: {",
        "known: Known;",
        "export type Known = {\n  id: number;\n};",
    ] {
        assert!(types.contains(part), "{part} in {types}");
    }
}

#[tokio::test]
async fn the_asyncapi_document_has_the_same_fingerprint_that_clients_receive() {
    let server = TestServer::start(Dialogue::builder().rooms::<Rooms>()).await;
    let client = server.connect_as("ada").await;
    let document = Rooms::asyncapi().expect("the document");
    assert_eq!(client.connected["fingerprint"], document["info"]["version"]);
}

/// Requests a document, which must be answered with 200, and returns its body.
async fn get(server: &TestServer, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: dialogue\r\nConnection: close\r\n\r\n");
    let response = within("a response", async {
        let mut stream = TcpStream::connect(server.address()).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        std::io::Result::Ok(response)
    });
    let response = response.await.expect("the complete response");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
    body.to_owned()
}

mod lobby {
    use dialogue::prelude::*;

    rooms! {
        /// One more.
        pub(crate) Rooms;

        /// Where people wait.
        pub(crate) Lobby = "lobby" { events: [super::super::rooms::Bell] }
    }
}
