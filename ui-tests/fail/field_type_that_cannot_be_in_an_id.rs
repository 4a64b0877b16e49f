use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Project { id: Vec<u8> } = "project-{id}" { events: [Message] }
}

fn main() {}
