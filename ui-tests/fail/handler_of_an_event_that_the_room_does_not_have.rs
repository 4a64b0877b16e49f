use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing, UserJoined};
use dialogue::{Listen, Received};

rooms! {
    Rooms;
    Chat = "chat" { events: [Message, Typing], server_events: [UserJoined] }
    Project { id: u64 } = "project-{id}" { events: [Message] }
}

fn on<M: Received>(_room: impl Listen<M>, _handler: impl Fn(EventMessage<M>)) {}

fn main() {
    on(Project { id: 7 }, |_: EventMessage<Typing>| {});
    on(Project::every(), |_: EventMessage<Typing>| {});
}
