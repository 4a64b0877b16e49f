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
    trigger(Project { id: 7 }, Typing { is_typing: true });
    trigger::<Typing>(Project { id: 7 }, Typing { is_typing: true });
    trigger(Project { id: 7 }, Typing { is_typing: true }.sent_by("user-1"));
}
