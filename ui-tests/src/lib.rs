//! The events that the cases in `pass/` and `fail/` share. Each case is named after what it is about, and compiled by
//! `tests/ui.rs`; after a wording has changed, `TRYBUILD=overwrite cargo test -p dialogue-ui-tests` writes the `.stderr`
//! files anew, to be read before they are committed.

use dialogue::prelude::*;

/// A chat line.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 50)]
pub struct Message {
    /// What is said.
    pub text: String,
}

/// Someone is typing, or has stopped.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct Typing {
    /// Which of the two.
    pub is_typing: bool,
}

/// Someone has come in.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct UserJoined {
    /// Who.
    pub username: String,
}
