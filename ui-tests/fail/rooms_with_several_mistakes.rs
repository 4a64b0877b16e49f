//! One compile shows all mistakes.
use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing, UserJoined};

struct NotAnEvent;

rooms! {
    Rooms;
    Chat = "the chat" {
        events: [Message, Message, NotAnEvent],
        server_events: [UserJoined],
        default_subscriptions: [Typing],
        max_size: 0,
        colour: "red",
    }

    Project { id: u64 } = "project-{nr}" { name: 7, events: [Message] }

    Lobby = "lobby" { evnts: [Message] }
}

fn main() {}
