//! The events and rooms that the documentation shows.
use dialogue::prelude::*;
use dialogue::room::{Allows, ClientAllows, Listen};
use dialogue::{Room, RoomRef, RoomSet};

/// A chat line.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
#[event(name = "message", history = 50)]
pub struct Message {
    #[schemars(length(min = 1, max = 1000))]
    pub text: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    pub is_typing: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct UserJoined {
    pub username: String,
}

rooms! {
    /// Every room of this server.
    pub Rooms;

    /// The room where everyone talks.
    pub Chat = "chat" {
        name: "Chat",
        events: [Message, Typing],
        server_events: [UserJoined],
        default_subscriptions: [Message, UserJoined],
        max_size: 100,
        sync_history_on_join: true,
    }

    /// One room per project.
    pub Project { id: u64 } = "project-{id}" {
        name: "Project discussion",
        events: [Message],
        default_subscriptions: *,
    }
}

fn main() {
    assert_eq!(Message::NAME, "message");
    assert_eq!(Typing::NAME, "typing");
    assert_eq!(UserJoined::NAME, "user-joined");
    assert_eq!(Message::definition().description(), Some("A chat line."));
    assert_eq!(Chat.room_id(), "chat");
    assert_eq!(Project { id: 7 }.room_id(), "project-7");
    assert_eq!(Project::from_id("project-7").map(|project| project.id), Some(7));
    assert!(Project::from_id("project-007").is_none());
    assert_eq!(Rooms::declarations().len(), 2);
    fn server<R: Allows<E>, E>() {}
    fn client<R: ClientAllows<E>, E>() {}
    fn listen<M>(_: impl Listen<M>) {}
    server::<Chat, UserJoined>();
    client::<Chat, Typing>();
    listen::<ChatEvent>(Chat);
    listen::<Message>(Project::every());
    listen::<serde_json::Value>(Chat);
}
