use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing};

rooms! {
    Rooms;
    Chat = "chat" {
        events: [Message, Typing],
        server_events: [Message],
    }
}

fn main() {}
