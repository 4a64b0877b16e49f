use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Project { id: u64 } = "project-{id}" { events: [Message] }
}

async fn program(dialogue: Dialogue) {
    let _ = dialogue.trigger(Project::every(), Message { text: "hello".into() }).await;
}

fn main() {}
