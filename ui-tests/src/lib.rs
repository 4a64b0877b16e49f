//! The events that the cases in `pass/` and `fail/` share. Each case is named after its subject, and `tests/ui.rs`
//! compiles it. After you change a message, run `TRYBUILD=overwrite cargo test -p dialogue-ui-tests` to write the
//! `.stderr` files again. Read them before you commit them.

use dialogue::prelude::*;

/// A chat line.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 50)]
pub struct Message {
    /// The text of the line.
    pub text: String,
}

/// A user starts or stops typing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct Typing {
    /// Whether the user is typing now.
    pub is_typing: bool,
}

/// A user joined the room.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct UserJoined {
    /// The name of the user.
    pub username: String,
}
