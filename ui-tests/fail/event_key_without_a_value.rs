use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name)]
struct Message;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(description("A chat line."))]
struct Line;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(crate)]
struct Typing;

fn main() {}
