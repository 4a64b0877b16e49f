use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat { events: [Message] }
    Lobby = "lobby" { events: [], max_size: 0 }
}

fn main() {}
