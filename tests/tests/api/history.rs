//! The `HistoryManager` passed to the builder, and a room's history on the server side.

use dialogue::RoomConfig;
use dialogue::event::{EventDefinition, HistorySetting};
use dialogue::history::{HistoryConfig, HistoryManager};
use dialogue::prelude::*;
use dialogue_tests::{Chat, Message, Project, TestServer, Typing, message, texts};
use serde_json::json;

#[tokio::test]
async fn the_manager_passed_to_the_builder_keeps_the_history() {
    let manager = HistoryManager::new(HistoryConfig::default());
    let given = manager.clone();
    let server = TestServer::with(|builder| builder.history(given)).await;
    server.trigger(Chat, message("kept")).await.expect("an event");
    server
        .trigger(Chat, Typing { is_typing: true })
        .await
        .expect("an event");
    assert_eq!(manager.event_names("chat").await, ["message"]);
    assert_eq!(
        manager.get("chat", "message", 0..9).await[0].data,
        json!({ "text": "kept" })
    );
    assert_eq!(manager.all("chat").await.len(), 1);
    assert_eq!(server.history().count("chat", "message").await, 1);
    assert_eq!(manager.clear_room("chat").await.len(), 1);
    assert_eq!(server.history().count("chat", "message").await, 0);
}

#[tokio::test]
async fn an_events_own_limit_overrides_the_managers() {
    let manager = HistoryManager::new(HistoryConfig::default().with_max_events_per_type(2));
    let server = TestServer::with(|builder| builder.history(manager)).await;
    let with_manager_limit = EventDefinition::new("noted")
        .history(HistorySetting::ManagerLimit)
        .build()
        .expect("a definition");
    let config = RoomConfig::new("log").events([with_manager_limit]).event::<Message>();
    server.create_room(config).await.expect("a room");
    let mut ada = server.joined("ada", "log").await;
    for number in 0..7 {
        ada.say("log", &number.to_string()).await;
        ada.request(json!({ "type": "trigger", "roomId": "log", "event": "noted", "data": number }))
            .await;
    }
    assert_eq!(server.history().count("log", "message").await, 5);
    assert_eq!(server.history().count("log", "noted").await, 2);
}

#[tokio::test]
async fn the_least_recently_used_room_is_evicted_when_there_are_too_many() {
    let manager = HistoryManager::new(HistoryConfig::default().with_max_rooms(2));
    let server = TestServer::with(|builder| builder.history(manager)).await;
    for id in 1..=3 {
        server.create_room(Project { id }).await.expect("a room");
    }
    for id in [1, 2, 1, 3] {
        server.trigger(Project { id }, message("hi")).await.expect("an event");
    }
    assert_eq!(server.history().count("project-2", "message").await, 0);
    assert_eq!(server.history().count("project-1", "message").await, 2);
}

#[tokio::test]
async fn a_room_returns_its_history_typed_and_raw_newest_first() {
    let server = TestServer::plain().await;
    let chat = server.room(Chat).await.expect("the room");
    for text in ["one", "two", "three"] {
        chat.trigger(message(text).sent_by("ada")).await.expect("an event");
    }
    let page: Vec<Result<EventMessage<Message>, _>> = chat.history::<Message>(0..2).await.expect("a page");
    let newest = page[0].as_ref().expect("a readable event");
    assert_eq!((newest.from.as_str(), newest.seq), ("ada", Some(3)));
    assert_eq!(texts(page), ["three", "two"]);
    let raw = chat.history_named("message", 2..9).await.expect("a page");
    assert_eq!((raw.len(), &raw[0].data), (1, &json!({ "text": "one" })));
    assert!(chat.history::<Typing>(0..9).await.expect("a page").is_empty());
}
