//! What the macros call. Not for people: anything here may change with any release.

use std::str::FromStr;
use std::sync::OnceLock;

pub use std::{
    clone::Clone,
    fmt,
    option::Option::{self, None, Some},
    primitive::{str, usize},
    result::Result::{self, Err, Ok},
};

// Hidden, lest rustc shows this path to it in errors.
#[doc(hidden)]
pub use serde_json::Value;

pub use crate::contract::RoomSet;
use crate::event::DefinitionResult;
pub use crate::event::{DecodeError, DefinitionError, DialogueEvent, EventDefinition, HistorySetting, Received};
pub use crate::id::RoomId;
pub use crate::room::pattern::{print_id, split_id};
pub use crate::room::{
    Allows, ClientAllows, DeclaredEvents, DefaultSubscriptions, Every, FamilyOptions, IdPattern, Room, RoomDeclaration,
    RoomRef, Segment, SyncHistory,
};
pub use crate::schema::EventData;

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
const fn same(a: &str, b: &str) -> bool {
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

/// The index of the first name that is there before; the number of names if all are different.
///
/// Made for the compiler's interpreter, in which comparing each pair of a hundred names takes a quarter of a second: a
/// name is compared with those before it only if one of them may have the same hash.
#[must_use]
pub const fn repeated(names: &[&str]) -> usize {
    const BITS: usize = u64::BITS as usize;
    // So many bits that of a thousand names hardly any two share one: the compiler refuses constants that take it long.
    let mut seen = [0_u64; 1024];
    let mut at = 0;
    while at < names.len() {
        let slot = hash(names[at]) % (seen.len() * BITS);
        let bit = 1 << (slot % BITS);
        if seen[slot / BITS] & bit != 0 {
            let mut before = 0;
            while before < at {
                if same(names[before], names[at]) {
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

/// FNV-1a.
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

/// Fails to compile where the caller stands if `repeated` is `at`.
///
/// # Panics
///
/// Then, in a constant.
#[track_caller]
pub const fn require_new_name(repeated: usize, at: usize) {
    assert!(
        repeated != at,
        "another event of this room has the same name: give one of them another one with `#[event(name = \"…\")]`, or \
         put them into different rooms"
    );
}

/// An event in a room's list: all that `rooms!` asks of it.
///
/// One bound, without supertraits, so that rustc says once of each event that it is none. Through `DialogueEvent`, it
/// would say of an event that lacks derives so for each associated item that is named.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "write `#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]` on `{Self}`"
)]
pub trait Listed: Sized {
    /// The event's name.
    const NAME: &'static str;

    /// The event's definition.
    ///
    /// # Errors
    ///
    /// See [`DialogueEvent::try_definition`].
    fn definition() -> DefinitionResult;

    /// The event in what a handler of the room's event enum is given.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the data is not of the event's type.
    fn decode(event: &str, data: &Value) -> Result<Self, DecodeError>;
}

#[diagnostic::do_not_recommend]
impl<E: DialogueEvent> Listed for E {
    const NAME: &'static str = E::NAME;

    fn definition() -> DefinitionResult {
        E::try_definition()
    }

    fn decode(event: &str, data: &Value) -> Result<Self, DecodeError> {
        <E as Received>::decode(event, data)
    }
}

/// No event. Where a room allows its clients nothing, or a single event, rustc takes the one impl that there is to be
/// meant; with this as another, it says that the room does not allow the event.
#[derive(Debug)]
pub enum NoEvent {}

impl Received for NoEvent {
    fn names() -> Option<&'static [&'static str]> {
        Some(&[])
    }

    fn decode(event: &str, _data: &Value) -> Result<Self, DecodeError> {
        Err(DecodeError::new(event, "never an event"))
    }
}

/// An event that may be a default subscription of the room `R`: one that the room allows.
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

/// What a field must be to be in a room's id.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a room's id",
    label = "cannot be printed into an id and parsed from it",
    note = "the type of a room's field must be `Display + FromStr + Clone + Debug + Send + Sync + 'static`, such as `u64`, `String` or a UUID"
)]
pub trait IdField: Sized + Send + Sync + 'static {
    /// How it is printed into an id.
    fn display(&self) -> &dyn fmt::Display;
    /// How it is shown to programmers.
    fn debug(&self) -> &dyn fmt::Debug;
    /// The same value again.
    fn duplicate(&self) -> Self;
    /// The value that prints to `text` once it is percent-decoded.
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

/// What a family's derived `Debug` would do.
pub fn debug_family(formatter: &mut fmt::Formatter<'_>, name: &str, fields: &[(&str, &dyn fmt::Debug)]) -> fmt::Result {
    let mut family = formatter.debug_struct(name);
    for (name, value) in fields {
        family.field(name, value);
    }
    family.finish()
}

/// Whether `id` is one of the family's.
#[must_use]
pub fn recognises<R: Room>(id: &str) -> bool {
    R::from_id(id).is_some()
}

/// The room, if `id` is a room id and the very one that the room prints: `project-007` is not project 7.
pub fn printing<R: RoomRef>(room: R, id: &str) -> Option<R> {
    (RoomId::is_valid(id) && room.room_id() == *id).then_some(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_repeated_name_is_found() {
        assert_eq!(repeated(&["a", "b", "c", "b", "a"]), 3);
        assert_eq!(repeated(&["message", "messages", "message"]), 2);
    }

    /// Names that differ in their ends, which is where the compiler's interpreter gets to last.
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
            panic!("letters are text");
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
    fn a_thousand_names_are_few_for_the_compiler() {
        // It denies constants that take it long.
        const REPEATED: usize = repeated(&THOUSAND);
        assert_eq!(REPEATED, THOUSAND.len());
    }

    #[test]
    fn different_names_are_not_taken_for_repeated_ones_however_many() {
        let names: Vec<String> = (0..5000).map(|number| format!("event-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(repeated(&names), names.len());
    }
}
