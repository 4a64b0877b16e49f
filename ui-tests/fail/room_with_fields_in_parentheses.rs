use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Project(u64) = "project-{id}" { events: [Message] }
    Lobby = "lobby" { events: [Message] }
}

fn main() {}
