//! The code that the macros generate passes the lints that a careful project turns on.
#![deny(warnings, missing_docs, missing_debug_implementations, unused, clippy::all, clippy::pedantic)]

use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing};

/// An event that only this program knows.
#[derive(Debug, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Private;

rooms! {
    /// Every room.
    pub Rooms;

    /// The room where everyone talks.
    pub Chat = "chat" { events: [Message, Typing], server_events: [Private] }

    /// One room per project.
    pub Project { org: String, id: u64 } = "project-{org}-{id}" { events: [Message] }

    /// A room that allows every event.
    Lobby = "lobby" { events: * }

    /// A room that clients can only read.
    News = "news" { events: [] }

    /// A deprecated room. The macro's own code must not cause the warning.
    #[deprecated(note = "enter `Chat`")]
    pub Hall = "hall" { events: [Message] }

    /// A deprecated family.
    #[deprecated]
    pub Annex { #[doc(alias = "number")] id: u64 } = "annex-{id}" { events: [Message], default_subscriptions: [Message] }
}

fn main() {
    <Rooms as dialogue::RoomSet>::declarations();
}
