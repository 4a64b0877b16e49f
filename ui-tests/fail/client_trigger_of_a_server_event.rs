use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing, UserJoined};
use dialogue::event::Payload;
use dialogue::room::ClientAllows;

rooms! {
    Rooms;
    Chat = "chat" { events: [Message, Typing], server_events: [UserJoined] }
    Project { id: u64 } = "project-{id}" { events: [Message] }
}

fn client_trigger<E: DialogueEvent>(_room: impl ClientAllows<E>, _data: impl Payload<Event = E>) {}

fn main() {
    client_trigger(Chat, UserJoined { username: "ada".into() });
}
