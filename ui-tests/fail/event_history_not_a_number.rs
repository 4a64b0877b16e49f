use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = "many")]
struct Message {
    text: String,
}

fn main() {}
