use dialogue::prelude::*;
use dialogue_ui_tests::Message;

struct NotAnEvent;

rooms! {
    Rooms;
    Chat = "chat" { events: [Message, NotAnEvent], default_subscriptions: [NotAnEvent] }
}

fn main() {}
