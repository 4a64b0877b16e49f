use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Project { id: u64 } = "project-{id}" { events: [Message] }
    Archive = "project-archive" { events: [Message] }
}

fn main() {}
