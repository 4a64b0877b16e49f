//! The events and rooms that most tests use: one room of each kind.

use dialogue::prelude::*;

/// A chat message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "message", history = 5)]
pub struct Message {
    #[schemars(length(min = 1, max = 1000))]
    /// The text of the message.
    pub text: String,
}

/// A chat message with this text.
pub fn message(text: &str) -> Message {
    Message { text: text.to_owned() }
}

/// The texts of a page, all of which can be read.
pub fn texts(page: Vec<Result<EventMessage<Message>, dialogue::event::Unreadable>>) -> Vec<String> {
    let text = |message: Result<EventMessage<Message>, _>| message.expect("a readable event").data.text;
    page.into_iter().map(text).collect()
}

/// Somebody started or stopped typing. The server keeps no history of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    /// Whether somebody is typing now.
    pub is_typing: bool,
}

/// Somebody joined. Only the server may trigger it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct UserJoined {
    /// The name of the user who joined.
    pub username: String,
}

/// An event without a payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct Bell;

rooms! {
    /// The rooms that the tests use.
    pub Rooms;

    /// Where everyone talks.
    pub Chat = "chat" {
        name: "Chat",
        events: [Message, Typing, Bell],
        server_events: [UserJoined],
        default_subscriptions: [Message, UserJoined],
    }

    /// A room for two that replays recent messages to new members.
    pub Booth = "booth" {
        events: [Message],
        default_subscriptions: *,
        max_size: 2,
        sync_history_on_join: 2,
    }

    /// Clients may trigger any event.
    pub Open = "open" {
        events: *,
        default_subscriptions: *,
    }

    /// Clients may only listen.
    pub News = "news" {
        events: [],
        default_subscriptions: *,
    }

    /// Created by the server.
    pub Project { id: u64 } = "project-{id}" {
        name: "Project discussion",
        events: [Message],
        default_subscriptions: *,
        sync_history_on_join: true,
    }

    /// Created by the first client that joins.
    pub Lobby { name: String } = "lobby-{name}" {
        events: [Message],
        default_subscriptions: *,
        on_demand: true,
    }

    /// Created by the first client that joins, and listed.
    pub Stage { name: String } = "stage-{name}" {
        events: [Message],
        default_subscriptions: *,
        on_demand: true,
        listed: true,
    }

    /// Created by clients, two per user.
    pub Table { number: u32 } = "table-{number}" {
        name: "A table",
        events: [Message],
        default_subscriptions: *,
        max_size: 4,
        client_created: 2,
    }
}
