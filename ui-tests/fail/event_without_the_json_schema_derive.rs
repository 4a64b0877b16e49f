use dialogue::prelude::*;

#[derive(Serialize, Deserialize, DialogueEvent)]
struct Message {
    text: String,
}

fn main() {}
