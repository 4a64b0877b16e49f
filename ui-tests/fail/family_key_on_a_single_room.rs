use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat" { events: [Message], on_demand: true, client_created: 5, listed: true }
}

fn main() {}
