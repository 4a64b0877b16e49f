use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat" { events: [Message] }
}

fn trigger(dialogue: &Dialogue, message: Message) {
    let _ = dialogue.trigger("chat", message.clone());
    let Some(room) = dialogue.here().room("chat") else { return };
    let _ = dialogue.trigger(room.id(), message);
}

fn main() {}
