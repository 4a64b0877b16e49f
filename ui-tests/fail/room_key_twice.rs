use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat" {
        events: [Message],
        max_size: 5,
        max_size: 6,
    }
}

fn main() {}
