use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat" {
        /// What is said.
        events: [Message],
    }
}

fn main() {}
