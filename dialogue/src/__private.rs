//! The items that the generated code of the macros uses. They are not public API: any release may change them.

use std::str::FromStr;
use std::sync::OnceLock;

pub use std::{
    clone::Clone,
    fmt,
    option::Option::{self, None, Some},
    primitive::{str, usize},
    result::Result::{self, Err, Ok},
};

// Hidden, so that rustc does not show this path in its errors.
#[doc(hidden)]
pub use serde_json::Value;

pub use crate::contract::room_set::RoomSet;
use crate::event::DefinitionResult;
pub use crate::event::dialogue_event::DialogueEvent;
pub use crate::event::{DecodeError, DefinitionError, EventDefinition, HistorySetting, Received};
pub use crate::id::RoomId;
pub use crate::room::declaration::{
    DeclaredEvents, DefaultSubscriptions, FamilyOptions, IdPattern, RoomDeclaration, Segment,
};
pub use crate::room::pattern::{print_id, split_id};
pub use crate::room::typed::{Room, RoomRef};
pub use crate::room::{Allows, ClientAllows, Every, SyncHistory};
pub use crate::schema::EventData;

/// Holds the definition of a derived event once it is built.
pub struct DefinitionCell(OnceLock<std::result::Result<EventDefinition, DefinitionError>>);

impl DefinitionCell {
    /// An empty cell.
    #[expect(clippy::new_without_default, reason = "it is only for statics")]
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Returns the definition of `E`. The first call builds it.
    pub fn get<E: DialogueEvent>(
        &'static self,
        description: Option<&'static str>,
        history: HistorySetting,
    ) -> Result<&'static EventDefinition, &'static DefinitionError> {
        self.0
            .get_or_init(|| EventDefinition::typed::<E>(E::NAME, description, history))
            .as_ref()
    }
}

/// Returns whether two strings are equal. Works in constants, unlike `==`.
const fn equal(a: &str, b: &str) -> bool {
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

/// Returns the index of the first name that repeats an earlier one, or the number of names if all are different.
///
/// The compiler's interpreter runs this function. It would need a quarter of a second to compare every pair of a
/// hundred names. The function therefore compares a name with the earlier names only if one of them may have the same
/// hash.
#[must_use]
pub const fn first_repeated(names: &[&str]) -> usize {
    const BITS: usize = u64::BITS as usize;
    // With this number of bits, hardly any two of a thousand names share a bit. This matters because the compiler
    // rejects constants that take long to evaluate.
    let mut seen = [0_u64; 1024];
    let mut at = 0;
    while at < names.len() {
        let slot = hash(names[at]) % (seen.len() * BITS);
        let bit = 1 << (slot % BITS);
        if seen[slot / BITS] & bit != 0 {
            let mut before = 0;
            while before < at {
                if equal(names[before], names[at]) {
                    return at;
                }
                before += 1;
            }
        }
        seen[slot / BITS] |= bit;
        at += 1;
    }
    at
}

/// The FNV-1a hash of a text.
const fn hash(text: &str) -> usize {
    let text = text.as_bytes();
    let mut hash = 0x811c_9dc5_u32;
    let mut at = 0;
    while at < text.len() {
        hash = (hash ^ text[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash as usize
}

/// Causes a compile error at the caller's position if the name at index `at` is the repeated one.
///
/// # Panics
///
/// Panics if `repeated` equals `at`. In a constant, this panic is the compile error.
#[track_caller]
pub const fn require_unique_name(repeated: usize, at: usize) {
    assert!(
        repeated != at,
        "another event of this room has the same name: rename one of them with `#[event(name = \"…\")]`, or list them in \
         different rooms"
    );
}

/// Everything that `rooms!` requires of an event in a room's list.
///
/// This trait is a single bound without supertraits, so rustc reports a type that is not an event only once. With
/// `DialogueEvent` as the bound, rustc would repeat the error for each associated item that the generated code names.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "write `#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]` on `{Self}`"
)]
pub trait RoomEvent: Sized {
    /// The event's name.
    const NAME: &'static str;

    /// Returns the event's definition.
    ///
    /// # Errors
    ///
    /// See [`DialogueEvent::try_definition`].
    fn definition() -> DefinitionResult;

    /// Decodes the event for a handler that receives the room's event enum.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the data does not have the event's type.
    fn decode(event: &str, data: &Value) -> Result<Self, DecodeError>;
}

#[diagnostic::do_not_recommend]
impl<E: DialogueEvent> RoomEvent for E {
    const NAME: &'static str = E::NAME;

    fn definition() -> DefinitionResult {
        E::try_definition()
    }

    fn decode(event: &str, data: &Value) -> Result<Self, DecodeError> {
        <E as Received>::decode(event, data)
    }
}

/// A type that is never an event. `rooms!` allows it in rooms where clients may trigger nothing.
///
/// With a single impl of `Allows` or `ClientAllows` for such a room, rustc would assume that the caller means that
/// impl. `NoEvent` adds a second impl, so rustc reports that the room does not allow the event.
#[derive(Debug)]
pub enum NoEvent {}

impl Received for NoEvent {
    fn names() -> Option<&'static [&'static str]> {
        Some(&[])
    }

    fn decode(event: &str, _data: &Value) -> Result<Self, DecodeError> {
        Err(DecodeError::new(event, "no event has this type"))
    }
}

/// An event that may be a default subscription of the room `R`, because the room allows it.
#[diagnostic::on_unimplemented(
    message = "room `{R}` does not allow its default subscription `{Self}`",
    label = "not an event of `{R}`",
    note = "add `{Self}` to `events` or `server_events` of `{R}`, or remove it from `default_subscriptions`"
)]
pub trait SubscribableIn<R> {
    /// The event's name.
    const NAME: &'static str;
}

#[diagnostic::do_not_recommend]
impl<R: Allows<E>, E: DialogueEvent> SubscribableIn<R> for E {
    const NAME: &'static str = E::NAME;
}

/// The requirements for a field in a room's id.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a room's id",
    label = "cannot be printed into an id and parsed from it",
    note = "the type of a room's field must be `Display + FromStr + Clone + Debug + Send + Sync + 'static`, such as `u64`, `String` or a UUID"
)]
pub trait IdField: Sized + Send + Sync + 'static {
    /// The value as it is printed into an id.
    fn display(&self) -> &dyn fmt::Display;
    /// The value as debug output shows it.
    fn debug(&self) -> &dyn fmt::Debug;
    /// A copy of the value.
    fn duplicate(&self) -> Self;
    /// Percent-decodes and parses `text`. Returns `None` if it does not parse.
    fn parse(text: &str) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: fmt::Display + FromStr + Clone + fmt::Debug + Send + Sync + 'static> IdField for T {
    fn display(&self) -> &dyn fmt::Display {
        self
    }

    fn debug(&self) -> &dyn fmt::Debug {
        self
    }

    fn duplicate(&self) -> Self {
        self.clone()
    }

    fn parse(text: &str) -> Option<Self> {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .ok()?
            .parse()
            .ok()
    }
}

/// Formats a family's value as a derived `Debug` would.
pub fn debug_family(formatter: &mut fmt::Formatter<'_>, name: &str, fields: &[(&str, &dyn fmt::Debug)]) -> fmt::Result {
    let mut family = formatter.debug_struct(name);
    for (name, value) in fields {
        family.field(name, value);
    }
    family.finish()
}

/// Returns whether `id` belongs to the family.
#[must_use]
pub fn recognises<R: Room>(id: &str) -> bool {
    R::from_id(id).is_some()
}

/// Returns the room if `id` is a valid room id and equals the id that the room prints. For example, `project-007`
/// does not belong to project 7.
pub fn if_canonical<R: RoomRef>(room: R, id: &str) -> Option<R> {
    (RoomId::is_valid(id) && room.room_id() == *id).then_some(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_repeated_name() {
        assert_eq!(first_repeated(&["a", "b", "c", "b", "a"]), 3);
        assert_eq!(first_repeated(&["message", "messages", "message"]), 2);
    }

    /// A thousand names that differ only at their ends. The compiler's interpreter compares the ends last.
    const THOUSAND: [&str; 1000] = {
        static LETTERS: [u8; 40_000] = {
            let mut letters = [b'x'; 40_000];
            let mut at = 0;
            while at < 1000 {
                let end = at * 40 + 39;
                letters[end] = b'0' + (at % 10) as u8;
                letters[end - 1] = b'0' + (at / 10 % 10) as u8;
                letters[end - 2] = b'0' + (at / 100) as u8;
                at += 1;
            }
            letters
        };
        let Ok(mut rest) = str::from_utf8(&LETTERS) else {
            panic!("the letters are not text");
        };
        let mut names = [""; 1000];
        let mut at = 0;
        while at < 1000 {
            (names[at], rest) = rest.split_at(40);
            at += 1;
        }
        names
    };

    #[test]
    fn the_compiler_can_check_a_thousand_names() {
        // The compiler rejects constants that take long to evaluate.
        const REPEATED: usize = first_repeated(&THOUSAND);
        assert_eq!(REPEATED, THOUSAND.len());
    }

    #[test]
    fn finds_no_repeated_name_among_thousands_of_different_ones() {
        let names: Vec<String> = (0..5000).map(|number| format!("event-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(first_repeated(&names), names.len());
    }
}
