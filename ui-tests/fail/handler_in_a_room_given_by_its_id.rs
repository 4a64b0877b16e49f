use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat" { events: [Message] }
}

fn listen(dialogue: &Dialogue) {
    dialogue.on("chat", |_: EventMessage<Message>| async {});
    let _ = dialogue.stream::<Message>("chat");
}

fn main() {}
