use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "message", history = 5, name = "line")]
struct Message {
    text: String,
}

fn main() {}
