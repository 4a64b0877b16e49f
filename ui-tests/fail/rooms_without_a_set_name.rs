use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    pub Chat = "chat" { events: [Message] }
}

fn main() {}
