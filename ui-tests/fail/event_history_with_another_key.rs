use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history(max = 5))]
struct Message {
    text: String,
}

fn main() {}
