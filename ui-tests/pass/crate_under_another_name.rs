//! Both macros accept `crate = path`, and then use nothing from the usual path of the crate.
mod vendored {
    pub mod realtime {
        pub use ::dialogue::{DialogueEvent, Room, RoomRef, RoomSet, __private, rooms};
    }
}

/// Hides the crate from code that writes `dialogue::…` without the leading colons.
mod dialogue {}

use serde::{Deserialize, Serialize};
use vendored::realtime::{DialogueEvent, Room, RoomRef, RoomSet, rooms};

#[derive(Serialize, Deserialize, schemars::JsonSchema, DialogueEvent)]
#[event(crate = crate::vendored::realtime)]
struct Message {
    text: String,
}

rooms! {
    crate = crate::vendored::realtime;

    Rooms;

    Chat = "chat" { events: [Message] }
    Project { id: u64 } = "project-{id}" { events: [Message] }
}

fn main() {
    assert_eq!(Rooms::declarations().len(), 2);
    assert_eq!(Chat.room_id(), "chat");
    assert!(Project::from_id("project-7").is_some());
}
