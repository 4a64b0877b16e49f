use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing};

rooms! {
    Rooms;
    Project { id: u64 } = "project-{id}" { events: [Message] }
}

fn listen(dialogue: Dialogue) {
    dialogue.on(Project { id: 7 }, |_: EventMessage<Typing>| async {});
    dialogue.on(Project::every(), |_: EventMessage<Typing>| async {});
}

fn main() {}
