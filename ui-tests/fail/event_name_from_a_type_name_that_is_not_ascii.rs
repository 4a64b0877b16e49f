use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Größe {
    cm: u32,
}

fn main() {}
