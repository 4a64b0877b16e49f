use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Message<T> {
    text: T,
}

fn main() {}
