use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing, UserJoined};

rooms! {
    Rooms;
    Chat = "chat" { events: [Message, Typing], server_events: [UserJoined] }
    Project { id: u64 } = "project-{id}" { events: [Message] }
}

async fn trigger(dialogue: Dialogue) {
    let _ = dialogue.trigger(Chat, "hello").await;
}

fn main() {}
