use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat" { events: [Message] }
}

async fn calls(dialogue: Dialogue, room: RoomHandle) {
    if dialogue.is_in_room("ada", Chat) {}
    let _: usize = room.size();
    dialogue.room(Chat).unwrap();
    for _ in dialogue.rooms_of("ada") {}
}

fn main() {}
