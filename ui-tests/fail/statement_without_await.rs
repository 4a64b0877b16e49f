#![deny(unused_must_use)]

use dialogue::prelude::*;

async fn calls(dialogue: Dialogue, client: Client) {
    client.disconnect();
    dialogue.revoke("ada");
    dialogue.rooms_of("ada");
}

fn main() {}
