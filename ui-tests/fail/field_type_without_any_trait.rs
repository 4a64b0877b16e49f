use dialogue::prelude::*;
use dialogue_ui_tests::Message;

struct Opaque;

rooms! {
    Rooms;
    Project { id: Opaque } = "project-{id}" { events: [Message] }
}

fn main() {}
