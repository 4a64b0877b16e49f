//! `room`, `rooms`, `create_room`, `delete_room` and `RoomHandle`.

use dialogue::calls::CreateRoomError;
use dialogue::event::EventDefinition;
use dialogue::room::{RoomConfigError, SyncHistory};
use dialogue::{EventMessage, JoinError, LimitExceeded, Limits, RoomConfig};
use dialogue_tests::{Bell, Chat, Gate, Message, Project, Record, TestServer, UserJoined, message};
use serde_json::json;

#[tokio::test]
async fn a_room_is_found_by_type_value_handle_and_id() {
    let server = TestServer::plain().await;
    let by_type = server.room(Chat).await.expect("the room");
    assert_eq!(server.room("chat").await, Some(by_type.clone()));
    assert_eq!(server.room(by_type.id()).await, Some(by_type.clone()));
    assert_eq!(server.room(by_type.clone()).await, Some(by_type));
    assert!(server.room(Project { id: 7 }).await.is_none());
    let project = server.create_room(Project { id: 7 }).await.expect("a room");
    assert_eq!(server.room(Project { id: 7 }).await, Some(project));
    let mut ids: Vec<_> = server.here().rooms().iter().map(|room| room.id().to_string()).collect();
    ids.sort();
    assert_eq!(ids, ["booth", "chat", "news", "open", "project-7"]);
}

#[tokio::test]
async fn a_room_handle_reports_everything_about_its_room() {
    let server = TestServer::plain().await;
    let chat = server.room(Chat).await.expect("the room");
    assert_eq!(
        (chat.name(), chat.description()),
        ("Chat", Some("Where everyone talks."))
    );
    assert_eq!(
        (chat.max_size(), chat.created_by(), chat.is_full().await),
        (None, None, false)
    );
    let events: Vec<_> = chat.events().iter().map(|event| event.name().to_string()).collect();
    assert_eq!(events, ["message", "typing", "bell", "user-joined"]);
    assert_eq!(chat.default_subscriptions(), ["message", "user-joined"]);
    assert_eq!(
        server.room("open").await.expect("the room").default_subscriptions(),
        ["*"]
    );
    let _one = server.joined("ada", "chat").await;
    let _two = server.joined("ada", "chat").await;
    assert_eq!(chat.size().await, 2, "the size counts clients, not users");
    let who: Vec<_> = chat
        .here()
        .participants()
        .iter()
        .map(|client| client.user_id().to_string())
        .collect();
    assert_eq!(who, ["ada", "ada"]);
    let booth = server.room("booth").await.expect("the room");
    let _three = server.joined("ada", "booth").await;
    assert!(!booth.is_full().await);
    let _four = server.joined("bob", "booth").await;
    assert_eq!((booth.max_size(), booth.is_full().await), (Some(2), true));
    assert_ne!(booth.epoch(), chat.epoch());
    assert!(booth.dialogue().here().room(Chat).is_some());
}

#[tokio::test]
async fn a_room_of_a_declared_family_is_created_as_declared() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    let room = server
        .create_room(Project { id: 7 })
        .created_by("user-456")
        .await
        .expect("a room");
    assert_eq!((room.id().as_str(), room.name()), ("project-7", "Project discussion"));
    assert_eq!(
        room.created_by().map(|user| user.to_string()).as_deref(),
        Some("user-456")
    );
    let created = ada.recv_type("roomCreated").await;
    assert_eq!(created["room"]["createdById"], "user-456");
    assert_eq!(created["room"]["description"], "Created by the server.");
}

#[tokio::test]
async fn a_room_created_from_a_config_follows_the_config() {
    let server = TestServer::plain().await;
    let pinned = EventDefinition::new("pinned").build().expect("a definition");
    let config = RoomConfig::new("lounge")
        .name("The lounge")
        .description("Soft chairs.")
        .event::<Message>()
        .events([pinned])
        .server_event::<UserJoined>()
        .subscribe_to::<Message>()
        .default_subscriptions(["pinned"])
        .max_size(2)
        .sync_history_on_join(SyncHistory::PerType(1));
    let room = server.create_room(config).created_by("ada").await.expect("a room");
    assert_eq!((room.name(), room.description()), ("The lounge", Some("Soft chairs.")));
    for text in ["one", "two"] {
        room.trigger(message(text)).await.expect("an event");
    }
    let mut ada = server.connect_as("ada").await;
    let joined = ada.join("lounge").await;
    assert_eq!(joined["subscriptions"], json!(["message", "pinned"]));
    assert_eq!(
        joined["events"].as_array().map(Vec::len),
        Some(1),
        "the join replays one event of each type"
    );
    assert_eq!(joined["events"][0]["data"]["text"], "two");
    let trigger = |event: &str| json!({ "type": "trigger", "roomId": "lounge", "event": event, "data": { "username": "x", "text": "x" } });
    assert_eq!(ada.request(trigger("pinned")).await["type"], "ok");
    assert_eq!(ada.refused(trigger("user-joined")).await, "EVENT_NOT_ALLOWED");
    let _bob = server.joined("bob", "lounge").await;
    assert!(room.is_full().await);
    room.trigger(UserJoined {
        username: "bob".to_owned(),
    })
    .await
    .expect("the server may trigger it");
    assert!(room.trigger(Bell).await.is_err(), "the room does not list this event");
}

#[tokio::test]
async fn a_configured_room_can_replay_all_its_history_or_accept_any_event() {
    let server = TestServer::plain().await;
    let config = RoomConfig::new("attic")
        .any_event()
        .server_event::<UserJoined>()
        .subscribe_to_all()
        .sync_history_on_join(SyncHistory::All);
    let attic = server.create_room(config).await.expect("a room");
    attic.trigger(message("one")).await.expect("an event");
    attic.trigger(message("two")).await.expect("an event");
    let mut ada = server.connect_as("ada").await;
    let joined = ada.join("attic").await;
    assert_eq!(joined["events"].as_array().map(Vec::len), Some(2));
    let any = json!({ "type": "trigger", "roomId": "attic", "event": "anything" });
    assert_eq!(ada.request(any).await["type"], "ok");
    let servers = json!({ "type": "trigger", "roomId": "attic", "event": "user-joined", "data": { "username": "x" } });
    assert_eq!(ada.refused(servers).await, "EVENT_NOT_ALLOWED");
}

#[tokio::test]
async fn a_room_configured_without_events_is_read_only_for_clients() {
    let server = TestServer::plain().await;
    let board = server
        .create_room(RoomConfig::new("board").subscribe_to_all())
        .await
        .expect("a room");
    let mut ada = server.joined("ada", "board").await;
    assert_eq!(ada.say("board", "hi").await["code"], "EVENT_NOT_ALLOWED");
    board
        .trigger(message("notice"))
        .await
        .expect("the server may trigger it");
    assert_eq!(ada.recv_type("event").await["data"]["text"], "notice");
}

#[tokio::test]
async fn every_reason_for_a_failed_room_creation_has_its_own_error() {
    let server = TestServer::limited(Limits::default().with_max_rooms(6)).await;
    server.create_room(RoomConfig::new("lounge")).await.expect("a room");
    let of = |config: RoomConfig| async { server.create_room(config).await.expect_err("refused") };
    assert_eq!(
        of(RoomConfig::new("lounge")).await,
        CreateRoomError::Exists { room: "lounge".into() }
    );
    assert_eq!(
        server.create_room(Chat).await.expect_err("refused"),
        CreateRoomError::Exists { room: "chat".into() }
    );
    for id in ["", "a b", "*", "a\r\nb", "\u{202e}", &"x".repeat(129)] {
        assert_eq!(
            of(RoomConfig::new(id)).await,
            CreateRoomError::InvalidId { room: id.into() }
        );
    }
    assert_eq!(
        of(RoomConfig::new("project-7")).await,
        CreateRoomError::Reserved {
            room: "project-7".into()
        }
    );
    for (config, source) in [
        (RoomConfig::new("a").max_size(0), RoomConfigError::NoSeats),
        (
            RoomConfig::new("a").event::<Message>().server_event::<Message>(),
            RoomConfigError::DuplicateEvent {
                event: "message".into(),
            },
        ),
        (
            RoomConfig::new("a").event::<Message>().subscribe_to::<Bell>(),
            RoomConfigError::UnknownSubscription { event: "bell".into() },
        ),
    ] {
        let room = "a".into();
        assert_eq!(of(config).await, CreateRoomError::InvalidConfig { room, source });
    }
    server
        .create_room(RoomConfig::new("x".repeat(128)))
        .await
        .expect("the longest valid id");
    let exceeded = of(RoomConfig::new("one-more")).await;
    assert!(
        matches!(exceeded, CreateRoomError::LimitExceeded(LimitExceeded::MaxRooms { .. })),
        "{exceeded:?}"
    );
    server.stop().await;
    assert_eq!(of(RoomConfig::new("late")).await, CreateRoomError::Stopped);
}

#[tokio::test]
async fn creating_and_deleting_a_room_do_nothing_until_they_are_awaited() {
    let server = TestServer::plain().await;
    drop(server.create_room(Project { id: 7 }));
    drop(server.delete_room(Chat));
    assert!(server.room(Project { id: 7 }).await.is_none());
    assert!(server.room(Chat).await.is_some());
}

#[tokio::test]
async fn deleting_a_room_notifies_its_members_and_every_other_client() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let mut bob = server.connect_as("bob").await;
    server.trigger(Chat, message("last words")).await.expect("an event");
    assert!(server.delete_room(Chat).await.expect("a deletion"));
    assert!(
        !server.delete_room(Chat).await.expect("a deletion"),
        "the room was deleted already"
    );
    ada.recv_type("event").await;
    assert_eq!(
        ada.recv().await,
        json!({ "type": "left", "roomId": "chat", "reason": "roomDeleted" })
    );
    assert_eq!(ada.recv().await, json!({ "type": "roomDeleted", "roomId": "chat" }));
    assert_eq!(bob.recv().await, json!({ "type": "roomDeleted", "roomId": "chat" }));
    assert!(server.here().clients_of("ada")[0].rooms().is_empty());
    assert_eq!(server.history().count("chat", "message").await, 0);
}

#[tokio::test]
async fn a_handle_deletes_only_its_own_room_and_not_a_later_one_with_the_same_id() {
    let server = TestServer::plain().await;
    let old = server.create_room(Project { id: 7 }).await.expect("a room");
    assert!(old.delete().await.expect("a deletion"));
    let new = server.create_room(Project { id: 7 }).await.expect("another room");
    assert!(!old.delete().await.expect("a deletion"));
    assert_eq!(server.room(Project { id: 7 }).await, Some(new.clone()));
    assert_ne!(old, new);
    assert_eq!((old.size().await, old.here().participants().len()), (0, 0));
}

#[tokio::test]
async fn a_handle_refers_to_its_own_room_in_every_call() {
    let server = TestServer::plain().await;
    let old = server.create_room(Project { id: 7 }).await.expect("a room");
    assert!(server.delete_room(old.clone()).await.expect("a deletion"));
    let new = server.create_room(Project { id: 7 }).await.expect("another room");
    let mut ada = server.joined("ada", "project-7").await;
    server
        .trigger(Project { id: 7 }, message("new"))
        .await
        .expect("an event");
    ada.recv_type("event").await;
    let client = server.here().clients_of("ada")[0].clone();
    let bob = server.connect_as("bob").await;
    let outsider = server.here().clients_of("bob")[0].clone();

    assert_eq!(server.room(old.clone()).await, None);
    assert!(!server.is_in_room("ada", old.clone()).await);
    let refused = outsider.join(old.clone()).await;
    assert!(matches!(refused, Err(JoinError::NoSuchRoom { .. })), "{refused:?}");
    assert!(matches!(
        client.subscribe(old.clone(), "message"),
        Err(JoinError::NotInRoom)
    ));
    assert!(matches!(client.subscribe_all(old.clone()), Err(JoinError::NotInRoom)));
    assert!(matches!(
        client.unsubscribe(old.clone(), "message"),
        Err(JoinError::NotInRoom)
    ));
    assert!(client.subscriptions(old.clone()).is_empty());
    assert!(!client.leave(old.clone()).await);
    assert!(old.history_named("message", 0..9).await.expect("a page").is_empty());
    assert!(!server.delete_room(old).await.expect("a deletion"));

    assert_eq!(server.room(new.clone()).await, Some(new.clone()));
    assert!(server.is_in_room("ada", new.clone()).await);
    client.subscribe(new.clone(), "message").expect("in the room");
    assert_eq!(new.history_named("message", 0..9).await.expect("a page").len(), 1);
    assert_eq!(outsider.join(new.clone()).await.expect("a room"), new);
    assert!(client.leave(new.clone()).await);
    assert!(server.delete_room(new).await.expect("a deletion"));
    bob.close().await;
    ada.close().await;
}

#[tokio::test]
async fn a_handle_to_a_deleted_on_demand_room_does_not_create_another() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "lobby-a").await;
    let old = server.room("lobby-a").await.expect("the room");
    assert!(old.delete().await.expect("a deletion"));
    ada.recv_type("left").await;
    let client = server.here().clients_of("ada")[0].clone();
    let refused = client.join(old.clone()).await;
    assert!(matches!(refused, Err(JoinError::NoSuchRoom { .. })), "{refused:?}");
    assert_eq!(server.room("lobby-a").await, None);
    let new = client.join("lobby-a").await.expect("another room");
    assert_ne!(new, old);
    assert_eq!(client.join(new.clone()).await.expect("a room"), new);
}

#[tokio::test]
async fn a_deleted_room_has_no_history_and_load_history_does_not_run_for_it() {
    let server = TestServer::with(|builder| {
        builder.load_history(|query| async move {
            Ok(vec![EventMessage::new(
                "message",
                query.room_id.as_str(),
                json!({ "text": "stored" }),
            )])
        })
    })
    .await;
    let room = server.create_room(Project { id: 7 }).await.expect("a room");
    assert_eq!(room.history_named("message", 0..9).await.expect("a page").len(), 1);
    assert!(room.delete().await.expect("a deletion"));
    assert!(room.history_named("message", 0..9).await.expect("a page").is_empty());
}

#[tokio::test]
async fn before_join_on_an_uncreated_on_demand_room_sees_no_history_of_a_room_with_the_same_id() {
    let (gate, record) = (Gate::default(), Record::default());
    let (held, noted) = (gate.clone(), record.clone());
    let server = TestServer::with(|builder| {
        builder.before_join(move |client, room| {
            let (held, noted) = (held.clone(), noted.clone());
            async move {
                if client.user_id().as_str() == "ada" {
                    held.pass().await;
                    noted.note(room.history_named("message", 0..9).await?.len().to_string());
                }
                Ok(())
            }
        })
    })
    .await;
    let mut ada = server.connect_as("ada").await;
    ada.send(json!({ "type": "join", "roomId": "lobby-a" })).await;
    gate.arrival().await;
    let mut bob = server.joined("bob", "lobby-a").await;
    assert_eq!(bob.say("lobby-a", "hi").await["type"], "ok");
    gate.open();
    record.expect(&["0"]).await;
}

#[tokio::test]
async fn a_room_that_is_too_long_to_announce_is_not_created() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    let novel = RoomConfig::new("novel").description("x".repeat(1 << 20));
    let error = server
        .create_room(novel)
        .await
        .expect_err("the description is too long");
    assert!(matches!(error, CreateRoomError::TooLarge { .. }), "{error}");
    ada.assert_nothing_came().await;
}
