use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "chat message", history = 0, colour = "red")]
struct Message {
    text: String,
}

fn main() {}
