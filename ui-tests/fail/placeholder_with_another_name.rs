use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Project { id: u64 } = "project-{nr}" { events: [Message] }
}

fn main() {}
