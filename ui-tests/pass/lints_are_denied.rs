//! What the macros write is fine by the lints that a careful project turns on.
#![deny(warnings, missing_docs, missing_debug_implementations, unused, clippy::all, clippy::pedantic)]

use dialogue::prelude::*;
use dialogue_ui_tests::{Message, Typing};

/// Known to this program alone.
#[derive(Debug, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Private;

rooms! {
    /// Every room.
    pub Rooms;

    /// Where everyone talks.
    pub Chat = "chat" { events: [Message, Typing], server_events: [Private] }

    /// One room per project.
    pub Project { org: String, id: u64 } = "project-{org}-{id}" { events: [Message] }

    /// Anything goes.
    Lobby = "lobby" { events: * }

    /// To be read.
    News = "news" { events: [] }

    /// Nobody should enter it, and the macro is nobody.
    #[deprecated(note = "enter `Chat`")]
    pub Hall = "hall" { events: [Message] }

    /// The same for a family.
    #[deprecated]
    pub Annex { #[doc(alias = "number")] id: u64 } = "annex-{id}" { events: [Message], default_subscriptions: [Message] }
}

fn main() {
    <Rooms as dialogue::RoomSet>::declarations();
}
