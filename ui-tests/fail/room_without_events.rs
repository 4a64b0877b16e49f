use dialogue::prelude::*;

rooms! {
    Rooms;
    Chat = "chat" { name: "Chat" }
}

fn main() {}
