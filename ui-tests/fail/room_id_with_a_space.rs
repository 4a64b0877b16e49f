use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "the chat" { events: [Message] }
}

fn main() {}
