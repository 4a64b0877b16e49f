//! A mistake in an event is not reported again where the event is used.
use dialogue::prelude::*;
use dialogue::{Allows, Payload};

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "chat message")]
struct Message {
    text: String,
}

rooms! {
    Rooms;
    Chat = "chat" { events: [Message], default_subscriptions: [Message] }
}

fn trigger<E: DialogueEvent>(_room: impl Allows<E>, _data: impl Payload<Event = E>) {}

fn main() {
    trigger(Chat, Message { text: "hello".into() });
    trigger(Chat, Message { text: "hello".into() }.sent_by("user-1"));
}
