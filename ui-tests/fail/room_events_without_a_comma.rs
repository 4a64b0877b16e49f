use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing};

rooms! {
    Rooms;
    Chat = "chat" { events: [Message Typing], default_subscriptions: [Message] }
}

fn main() {}
