//! The compiler reports missing derives only once, not again at each use of the event.
use dialogue::prelude::*;

#[derive(DialogueEvent)]
struct Message {
    text: String,
}

rooms! {
    Rooms;
    Chat = "chat" { events: [Message], default_subscriptions: [Message] }
}

async fn trigger(dialogue: Dialogue) {
    dialogue.on(Chat, |_: EventMessage<Message>| async {});
    dialogue.on(Chat, |_: EventMessage<ChatEvent>| async {});
    let _ = dialogue.trigger(Chat, Message { text: "hello".into() }).await;
}

fn main() {}
