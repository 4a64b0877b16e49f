use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Project {
        #[cfg(windows)]
        org: u64,
        id: u64,
    } = "project-{org}-{id}" { events: [Message] }
}

fn main() {}
