use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Project { id: u64 } = "project-{id}" { events: [Message], on_demand: 1, listed: "yes" }
}

fn main() {}
