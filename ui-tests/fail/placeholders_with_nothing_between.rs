use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Project { org: String, id: u64 } = "project-{org}{id}" { events: [Message] }
}

fn main() {}
