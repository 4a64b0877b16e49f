use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "chat message")]
struct Message {
    text: String,
}

fn main() {}
