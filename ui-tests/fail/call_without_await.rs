#![deny(unused_must_use)]

use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat" { events: [Message] }
}

async fn calls(dialogue: Dialogue, client: Client, room: RoomHandle) {
    if dialogue.is_in_room("ada", Chat) {}
    let _: usize = room.size();
    dialogue.room(Chat).unwrap();
    client.disconnect();
    dialogue.rooms_of("ada");
}

fn main() {}
