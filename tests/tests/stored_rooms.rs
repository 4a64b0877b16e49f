//! Rooms of a server with a store, over real sockets: they are there again when the server is.

use dialogue::Dialogue;
use dialogue::sqlite::{Sqlite, StoreError, StoreFault, StoreFaults};
use dialogue_tests::{Chat, Folder, Rooms, TestServer, message, within};
use serde_json::json;
use tokio::runtime::Runtime;

async fn server(folder: &Folder) -> TestServer {
    TestServer::with(|builder| builder.store(Sqlite::open(folder.file()))).await
}

#[tokio::test]
async fn a_declared_room_has_its_events_after_a_restart() {
    let folder = Folder::new("rooms-declared");
    let first = server(&folder).await;
    let mut ada = first.joined("ada", "chat").await;
    assert_eq!(ada.say("chat", "hello").await["seq"], 1);
    let before = ada.join("chat").await;
    first.stop().await;

    let second = server(&folder).await;
    let mut ada = second.connect_as("ada").await;
    let since = json!({ "epoch": before["epoch"], "seq": 0 });
    let joined = ada
        .request(json!({ "type": "join", "roomId": "chat", "subscriptions": ["message"], "since": since }))
        .await;
    assert_eq!(joined["recovered"], true, "{joined}");
    assert_eq!(joined["events"][0]["data"]["text"], "hello", "{joined}");
    second.stop().await;
}

#[tokio::test]
async fn created_and_deleted_rooms_are_as_before_after_a_restart() {
    let folder = Folder::new("rooms-created");
    let first = server(&folder).await;
    let mut ada = first.connect_as("ada").await;
    let created = ada
        .request(json!({ "type": "createRoom", "room": { "id": "table-1", "name": "Roses" } }))
        .await;
    assert_eq!(created["type"], "roomCreated", "{created}");
    assert!(first.delete_room("chat").await.expect("the store works"));
    first.stop().await;

    let second = server(&folder).await;
    let mut ada = second.connect_as("ada").await;
    let listed = ada.request(json!({ "type": "listRooms" })).await;
    let rooms = listed["rooms"].as_array().expect("rooms");
    let named: Vec<_> = rooms.iter().filter(|room| room["id"] == "table-1").collect();
    assert_eq!(named.len(), 1, "{listed}");
    assert_eq!(
        (&named[0]["name"], &named[0]["createdById"]),
        (&json!("Roses"), &json!("ada"))
    );
    assert!(rooms.iter().all(|room| room["id"] != "chat"), "{listed}");
    let join = json!({ "type": "join", "roomId": "chat" });
    assert_eq!(ada.refused(join).await, "ROOM_NOT_FOUND");
    second.stop().await;
}

#[tokio::test]
async fn an_event_that_was_stored_although_the_store_failed_reaches_everybody_in_its_place() {
    let (folder, faults) = (Folder::new("rooms-unknown"), StoreFaults::default());
    let with_faults = faults.clone();
    let server = TestServer::with(|builder| builder.store(Sqlite::open(folder.file()).with_faults(&with_faults))).await;
    let mut ada = server.joined("ada", "chat").await;
    let mut bob = server.joined("bob", "chat").await;
    assert_eq!(ada.say("chat", "one").await["seq"], 1);
    assert_eq!(bob.recv().await["data"]["text"], "one");

    faults.once(StoreFault::AfterCommit(StoreError::Io));
    let trigger = json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": "two" } });
    let answer = ada.request(trigger).await;
    assert_eq!(answer["code"], "OUTCOME_UNKNOWN", "{answer}");
    // Nobody triggers anything: the store notices by itself that it works again.
    let two = bob.recv().await;
    assert_eq!((&two["data"]["text"], &two["seq"]), (&json!("two"), &json!(2)));
    assert_eq!(ada.say("chat", "three").await["seq"], 3);
    assert_eq!(bob.recv().await["data"]["text"], "three");
    server.stop().await;
}

/// Starts a server that serves nobody, outside of every runtime.
fn built(folder: &Folder) -> Dialogue {
    let store = Sqlite::open(folder.file());
    let builder = Dialogue::builder().rooms::<Rooms>().store(store);
    builder.build().expect("a server")
}

#[test]
fn a_server_that_was_built_outside_of_a_runtime_deletes_rooms() {
    let folder = Folder::new("rooms-deleting");
    let dialogue = built(&folder);
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let deleted = within("the deletion", dialogue.delete_room(Chat)).await;
        assert!(deleted.expect("the store works"));
        assert!(dialogue.here().room(Chat).is_none());
        dialogue.stop().await.expect("an end in time");
    });
}

#[test]
fn a_server_that_was_built_outside_of_a_runtime_erases_events() {
    let folder = Folder::new("rooms-erasing");
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let first = built(&folder);
        first.trigger(Chat, message("hello")).await.expect("a delivery");
        first.stop().await.expect("an end in time");
    });
    let second = built(&folder);
    runtime.block_on(async {
        let chat = second.here().room(Chat).expect("a declared room");
        let erased = within("the erasure", chat.erase(1)).await;
        assert!(erased.expect("the store works"));
        second.stop().await.expect("an end in time");
    });
}
