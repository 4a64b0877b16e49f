use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat" { events: [Message] },
    Lobby = "lobby" { events: [Message] };
    News = "news" { events: [] }
}

fn main() {}
