use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    #[derive(Debug, Hash)]
    Chat = "chat" { events: [Message] }
    #[derive(Clone, PartialEq)]
    Project { id: u64 } = "project-{id}" { events: [Message] }
}

fn main() {}
