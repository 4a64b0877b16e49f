use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct ChatEvent;

rooms! {
    Rooms;
    Chat = "chat" { events: [ChatEvent] }
    Lobby = "lobby" { events: [self::ChatEvent] }
}

fn main() {}
