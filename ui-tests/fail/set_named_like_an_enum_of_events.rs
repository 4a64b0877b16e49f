use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    ChatEvent;
    Chat = "chat" { events: [Message] }
}

fn main() {}
