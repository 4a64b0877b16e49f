//! Checks the declaration of each kind of room and the events that it allows.
use dialogue::__private::{DeclaredEvents, DefaultSubscriptions, IdPattern, RoomDeclaration};
use dialogue::prelude::*;
use dialogue::room::{Allows, ClientAllows, Listen, SyncHistory};
use dialogue::{Room, RoomRef, RoomSet};
use dialogue_ui_tests::{Message, Typing, UserJoined};

rooms! {
    Rooms;

    /// Where everyone
    /// talks.
    MainChat = "chat" {
        events: [Message],
        server_events: [Typing],
        default_subscriptions: [dialogue_ui_tests::Typing, Message],
        max_size: 1_000,
        sync_history_on_join: 20,
    }

    Lobby = "lobby" { events: *, name: "The lobby", description: "Come in.", default_subscriptions: [UserJoined] }

    News = "news" { events: [], default_subscriptions: *, sync_history_on_join: true }

    Feed = "feed" { events: [], server_events: [Message], sync_history_on_join: false }

    #[derive(PartialEq, Eq, Hash)]
    Project { r#type: String, id: u64 } = "project-{id}:{type}" {
        events: [Message],
        on_demand: true,
        client_created: 3,
        listed: true,
    }
}

fn server<R: Allows<E>, E: DialogueEvent>() {}
fn client<R: ClientAllows<E>, E: DialogueEvent>() {}
fn listen<M>(_: impl Listen<M>) {}

fn declared(id: &str) -> &'static RoomDeclaration {
    let is_it = |room: &&&RoomDeclaration| matches!(room.id, IdPattern::Fixed(own) if own == id);
    Rooms::declarations().iter().find(is_it).unwrap()
}

fn main() {
    server::<MainChat, Message>();
    server::<MainChat, Typing>();
    client::<MainChat, Message>();
    server::<Lobby, UserJoined>();
    client::<Lobby, UserJoined>();
    server::<News, UserJoined>();
    server::<Feed, Message>();
    listen::<serde_json::Value>(MainChat);
    listen::<serde_json::Value>(Lobby);
    listen::<serde_json::Value>(News);
    listen::<MainChatEvent>(MainChat);
    listen::<MainChatEvent>(Lobby);
    listen::<ProjectEvent>(Project::every());

    let chat = declared("chat");
    assert_eq!((chat.type_name, chat.name), ("MainChat", "Main chat"));
    assert_eq!(chat.description, Some("Where everyone\ntalks."));
    assert!(matches!(chat.events, DeclaredEvents::Only([_])));
    assert_eq!(chat.server_events.len(), 1);
    assert_eq!(chat.default_subscriptions, DefaultSubscriptions::Only(&["typing", "message"]));
    assert_eq!(chat.max_size, Some(1000));
    assert_eq!(chat.sync_history_on_join, SyncHistory::PerType(20));

    let lobby = declared("lobby");
    assert_eq!((lobby.name, lobby.description), ("The lobby", Some("Come in.")));
    assert!(matches!(lobby.events, DeclaredEvents::Any));
    assert_eq!(lobby.default_subscriptions, DefaultSubscriptions::Only(&["user-joined"]));
    assert_eq!(lobby.max_size, None);

    let news = declared("news");
    assert!(matches!(news.events, DeclaredEvents::Only([])));
    assert_eq!(news.default_subscriptions, DefaultSubscriptions::All);
    assert_eq!(news.sync_history_on_join, SyncHistory::All);
    assert_eq!(declared("feed").sync_history_on_join, SyncHistory::Off);
    assert_eq!(declared("feed").default_subscriptions, DefaultSubscriptions::Only(&[]));

    let project = Project { r#type: "a/b:c d%".to_owned(), id: 7 };
    assert_eq!(project.room_id(), "project-7:a%2Fb:c%20d%25");
    assert_eq!(Project::from_id(&project.room_id()), Some(project.clone()));
    assert_eq!(format!("{project:?}"), r#"Project { type: "a/b:c d%", id: 7 }"#);
    for id in ["project-07:a", "project-7:", "project-7", "project-+7:a", "project-7:%61", "project-7:a b", ""] {
        assert_eq!(Project::from_id(id), None, "{id}");
    }
    let family = Project::declaration().family;
    assert!(family.on_demand && family.listed);
    assert_eq!(family.client_created, Some(3));
    assert!(matches!(Project::declaration().id, IdPattern::Family { recognises, .. } if recognises("project-7:a")));
}
