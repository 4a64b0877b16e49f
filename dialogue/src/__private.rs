//! What the macros call. Not for people: anything here may change with any release.

use std::fmt::{Display, Write};
use std::str::FromStr;
use std::sync::OnceLock;

pub use std::{
    clone::Clone,
    fmt, format, marker,
    option::Option::{self, None, Some},
    result::Result::{self, Err, Ok},
    string::String,
};

pub use serde_json::Value;

pub use crate::event::{
    DecodeError, DefinitionError, DialogueEvent, EventData, EventDefinition, HistorySetting, Received,
};
pub use crate::id::RoomId;
pub use crate::room::{
    Allows, ClientAllows, DeclaredEvents, DefaultSubscriptions, Every, FamilyOptions, IdPattern, Room, RoomDeclaration,
    RoomRef, RoomSet, Segment, SyncHistory,
};

/// Where a derived event keeps its definition once it is built.
pub struct DefinitionCell(OnceLock<std::result::Result<EventDefinition, DefinitionError>>);

impl DefinitionCell {
    /// An empty cell.
    #[expect(clippy::new_without_default, reason = "a static is all it is for")]
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The definition of `E`, built at the first call.
    pub fn get<E: DialogueEvent>(
        &'static self,
        description: Option<&'static str>,
        history: HistorySetting,
    ) -> Result<&'static EventDefinition, &'static DefinitionError> {
        self.0
            .get_or_init(|| EventDefinition::typed::<E>(description, history))
            .as_ref()
    }
}

/// Whether two strings are equal, in a constant.
#[must_use]
pub const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Prints a family's field into a room id. Bytes outside `[A-Za-z0-9_.:=@,;-]` are percent-encoded, and so is
/// `terminator`, the first character of what follows the field, so that the id parses back to the same fields.
pub fn encode_field(id: &mut String, field: &dyn Display, terminator: Option<char>) {
    for byte in field.to_string().bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"_.:=@,;-".contains(&byte);
        if plain && terminator != Some(char::from(byte)) {
            id.push(char::from(byte));
        } else {
            let _ = write!(id, "%{byte:02X}");
        }
    }
}

/// Parses a family's field back; the caller compares what the whole id prints to.
#[must_use]
pub fn decode_field<T: FromStr>(text: &str) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .ok()?
        .parse()
        .ok()
}
