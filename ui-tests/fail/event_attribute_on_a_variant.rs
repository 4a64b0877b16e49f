use dialogue::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
enum Choice {
    #[event(name = "yes")]
    Yes,
    No {
        #[event(history)]
        why: String,
    },
}

fn main() {}
