//! The events and rooms of the chat. Its server shares them with clients in Rust.

use dialogue::prelude::*;

/// A chat line.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
#[event(name = "message", history = 50)]
pub struct Message {
    /// The text of the line.
    #[schemars(length(min = 1, max = 1000))]
    pub text: String,
}

/// A user started or stopped typing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    /// Whether the user is typing now.
    pub is_typing: bool,
}

/// A user joined the room.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct UserJoined {
    /// The name of the user.
    pub username: String,
}

/// A user left the room.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct UserLeft {
    /// The name of the user.
    pub username: String,
}

/// How many people are in some rooms. The server sends it outside of rooms: to a client that connects, with every room
/// that somebody is in, and to every client after each change.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct People {
    /// The rooms.
    pub rooms: Vec<PeopleInRoom>,
}

/// How many people are in a room.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeopleInRoom {
    /// The room.
    pub room_id: String,
    /// The number of users. A user with two tabs counts once.
    pub people: usize,
}

rooms! {
    /// Every room of this server.
    pub Rooms;

    /// The room that everyone joins first.
    pub Chat = "chat" {
        name: "Chat",
        events: [Message, Typing],
        server_events: [UserJoined, UserLeft],
        default_subscriptions: [Message, Typing, UserJoined, UserLeft],
        sync_history_on_join: true,
    }

    /// A room about a topic. Users create it from the page.
    pub Topic { slug: String } = "topic-{slug}" {
        name: "Topic",
        events: [Message, Typing],
        server_events: [UserJoined, UserLeft],
        default_subscriptions: [Message, Typing, UserJoined, UserLeft],
        sync_history_on_join: true,
        client_created: 5,
    }
}
