use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(crate = "dialogue")]
struct Message {
    text: String,
}

fn main() {}
