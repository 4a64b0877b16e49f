use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "message")]
#[event(name = "line")]
struct Message {
    text: String,
}

fn main() {}
