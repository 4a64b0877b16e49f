use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    Chat = "chat" { events: [Message] }
}

fn main() {
    let _ = Dialogue::builder().rooms::<Chat>().build();
    dialogue::contract::check_lock::<Chat>("dialogue.lock.json");
}
