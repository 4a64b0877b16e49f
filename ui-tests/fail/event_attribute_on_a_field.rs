use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Message {
    #[event(name = "text")]
    text: String,
}

fn main() {}
