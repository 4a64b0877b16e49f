use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing};

rooms! {
    Rooms;
    Chat = "chat" { events: [Message, Typing] }
    Project { id: u64 } = "project-{id}" { events: [Message] }
}

fn listen(dialogue: Dialogue) {
    dialogue.on(Project { id: 7 }, |_: EventMessage<ChatEvent>| async {});
}

fn main() {}
