use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing};

rooms! {
    Rooms;
    Chat = "chat" { events: [Message], default_subscriptions: [Message, Typing] }
}

fn main() {}
