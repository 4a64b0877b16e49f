use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Message<'a> {
    text: &'a str,
}

fn main() {}
