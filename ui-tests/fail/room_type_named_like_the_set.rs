use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Rooms = "chat" { events: [Message] }
}

fn main() {}
