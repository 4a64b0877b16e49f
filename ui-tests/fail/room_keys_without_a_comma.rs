use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat" {
        name: "Chat"
        events: [Message],
        max_size: 0,
    }
}

fn main() {}
