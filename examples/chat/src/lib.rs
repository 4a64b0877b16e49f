//! What can be said in the chat, and where: what its server shares with clients that are written in Rust.

use dialogue::prelude::*;

/// A chat line.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
#[event(name = "message", history = 50)]
pub struct Message {
    /// What was said.
    #[schemars(length(min = 1, max = 1000))]
    pub text: String,
}

/// Somebody started or stopped typing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    /// Whether they are typing now.
    pub is_typing: bool,
}

/// Somebody came in.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct UserJoined {
    /// Who it is.
    pub username: String,
}

/// Somebody went away.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct UserLeft {
    /// Who it was.
    pub username: String,
}

rooms! {
    /// Every room of this server.
    pub Rooms;

    /// Where everyone arrives.
    pub Chat = "chat" {
        name: "Chat",
        events: [Message, Typing],
        server_events: [UserJoined, UserLeft],
        default_subscriptions: [Message, Typing, UserJoined, UserLeft],
        sync_history_on_join: true,
    }

    /// What somebody wants to talk about; they create it from the page.
    pub Topic { slug: String } = "topic-{slug}" {
        name: "Topic",
        events: [Message, Typing],
        server_events: [UserJoined, UserLeft],
        default_subscriptions: [Message, Typing, UserJoined, UserLeft],
        sync_history_on_join: true,
        client_created: 5,
    }
}
