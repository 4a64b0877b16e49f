use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(nmae = "message")]
struct Message {
    text: String,
}

fn main() {}
