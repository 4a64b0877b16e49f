use dialogue::prelude::*;

rooms! {
    Rooms;
    Chat = "chat" { events: ["message"] }
}

fn main() {}
