use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat" { events: [Message<u8>] }
    Lobby = "lobby" { events: [*] }
    News = "news" { events: [&Message], server_events: [Message, "message"] }
}

fn main() {}
