use dialogue::prelude::*;
use dialogue_ui_tests::Message;

mod other {
    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    #[event(name = "other-message")]
    pub struct Message {
        text: String,
    }
}

rooms! {
    Rooms;
    Chat = "chat" { events: [Message, other::Message] }
}

fn main() {}
