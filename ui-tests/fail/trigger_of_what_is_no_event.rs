use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing, UserJoined};
use dialogue::{Allows, Payload};

rooms! {
    Rooms;
    Chat = "chat" { events: [Message, Typing], server_events: [UserJoined] }
    Project { id: u64 } = "project-{id}" { events: [Message] }
}

fn trigger<E: DialogueEvent>(_room: impl Allows<E>, _data: impl Payload<Event = E>) {}

fn main() {
    trigger(Chat, "hello");
}
