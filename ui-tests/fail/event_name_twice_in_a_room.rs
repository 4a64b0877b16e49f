use dialogue::prelude::*;
use dialogue_ui_tests::Message;

/// Another event with the name `message`.
#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "message")]
struct Line {
    text: String,
}

rooms! {
    Rooms;
    Chat = "chat" { events: [Message, Line] }
}

fn main() {}
