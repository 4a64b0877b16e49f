use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Project { id } = "project-{id}" { events: [Message] }
}

fn main() {}
