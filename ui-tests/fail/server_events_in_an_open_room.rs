use dialogue::prelude::*;
use dialogue_ui_tests::UserJoined;

rooms! {
    Rooms;
    Lobby = "lobby" { events: *, server_events: [UserJoined] }
}

fn main() {}
