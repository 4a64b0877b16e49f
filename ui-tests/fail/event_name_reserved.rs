use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "dialogue:message")]
struct Message {
    text: String,
}

fn main() {}
