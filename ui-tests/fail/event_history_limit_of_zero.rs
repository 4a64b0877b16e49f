use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history(limit = 0))]
struct Message {
    text: String,
}

fn main() {}
