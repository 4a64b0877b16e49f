use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Project { id: u64 } = "org-{org}-project-{id}" { events: [Message] }
}

fn main() {}
