use dialogue::prelude::*;

#[derive(DialogueEvent)]
struct Message {
    text: String,
}

fn main() {}
