use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing};

rooms! {
    Rooms;
    Chat = "chat" { events: [Message] }
    Chat = "lobby" { events: [Typing] }
}

fn main() {}
