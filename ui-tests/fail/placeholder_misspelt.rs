use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Project { id: u64 } = "project-{idd}" { events: [Message] }
}

fn main() {}
