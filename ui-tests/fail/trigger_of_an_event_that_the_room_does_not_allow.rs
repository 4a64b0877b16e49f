use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing, UserJoined};

rooms! {
    Rooms;
    Chat = "chat" { events: [Message], server_events: [UserJoined] }
}

async fn trigger(dialogue: Dialogue) {
    let _ = dialogue.trigger(Chat, Typing { is_typing: true }).await;
    let _ = dialogue.trigger::<Typing>(Chat, Typing { is_typing: true }).await;
}

fn main() {}
