use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Project { id: u64 } = "project-{id}" { events: [Message] }
    Thing { kind: String, id: u64 } = "{kind}-{id}" { events: [Message] }
}

fn main() {}
