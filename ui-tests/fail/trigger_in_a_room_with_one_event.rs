use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing};

rooms! {
    Rooms;
    Project { id: u64 } = "project-{id}" { events: [Message] }
}

async fn trigger(dialogue: Dialogue) {
    let _ = dialogue.trigger(Project { id: 7 }, Typing { is_typing: true }).await;
    let _ = dialogue.trigger::<Typing>(Project { id: 7 }, Typing { is_typing: true }).await;
    let _ = dialogue.trigger(Project { id: 7 }, Typing { is_typing: true }.sent_by("user-1")).await;
}

fn main() {}
