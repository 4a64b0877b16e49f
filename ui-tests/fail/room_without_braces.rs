use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat";
    Lobby = "lobby" { events: [Message] }
}

fn main() {}
