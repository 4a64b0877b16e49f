use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event = "message"]
struct Message {
    text: String,
}

fn main() {}
