use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history(50))]
struct Message;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history(limit))]
struct Typing;

fn main() {}
