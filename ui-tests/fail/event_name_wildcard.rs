use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "*")]
struct Message {
    text: String,
}

fn main() {}
