use dialogue::prelude::*;
use dialogue_ui_tests::Message;

rooms! {
    Rooms;
    #[cfg(feature = "chat")]
    Chat = "chat" { events: [Message] }
}

fn main() {}
