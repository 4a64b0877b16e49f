use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "message" history = 0)]
struct Message {
    text: String,
}

fn main() {}
