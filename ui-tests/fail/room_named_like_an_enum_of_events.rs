use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat" { events: [Message] }
    ChatEvent = "chat-event" { events: [Message] }
}

fn main() {}
