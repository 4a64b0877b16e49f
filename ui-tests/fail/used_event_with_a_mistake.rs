//! The compiler reports a mistake in an event only once, not again at each use of the event.
use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "chat message")]
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
    let _ = dialogue.trigger(Chat, Message { text: "hello".into() }.sent_by("user-1")).await;
}

fn main() {}
