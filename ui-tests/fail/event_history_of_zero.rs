use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 0)]
struct Message {
    text: String,
}

fn main() {}
