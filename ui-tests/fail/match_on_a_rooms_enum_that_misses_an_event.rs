use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing, UserJoined};
use dialogue::event::Received;

rooms! {
    Rooms;
    Chat = "chat" { events: [Message, Typing], server_events: [UserJoined] }
    Project { id: u64 } = "project-{id}" { events: [Message] }
}

fn main() {
    let event = <ChatEvent as Received>::decode("message", &serde_json::json!({})).unwrap();
    match event {
        ChatEvent::Message(_) => {}
        ChatEvent::Typing(_) => {}
    }
}
