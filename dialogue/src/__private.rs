//! What the macros call. Not for people: anything here may change with any release.

use std::fmt::Write;
use std::str::FromStr;
use std::sync::OnceLock;

pub use std::{
    clone::Clone,
    fmt,
    option::Option::{self, None, Some},
    primitive::str,
    result::Result::{self, Err, Ok},
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

/// Whether no name before `names[at]` is the same.
#[must_use]
pub const fn is_new(names: &[&str], at: usize) -> bool {
    let mut before = 0;
    while before < at {
        if same(names[before], names[at]) {
            return false;
        }
        before += 1;
    }
    true
}

/// An event that may be a default subscription of the room `R`: one that the room allows.
#[diagnostic::on_unimplemented(
    message = "room `{R}` does not have its default subscription `{Self}`",
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
    label = "not something that an id is built from and parsed into",
    note = "a field of a room is `Display + FromStr + Clone + Debug + Send + Sync + 'static`, such as `u64`, `String` or a UUID"
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

/// Builds a family's id: `fields` are the values of the field segments, in order.
///
/// In a field, bytes outside `[A-Za-z0-9_.:=@,;-]` are percent-encoded, and so is the character that follows the field
/// in the pattern, so that the id parses back to the same fields.
#[must_use]
pub fn print_id(segments: &[Segment], fields: &[&dyn fmt::Display]) -> RoomId {
    let mut id = String::new();
    let mut fields = fields.iter();
    for (at, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Literal(text) => id.push_str(text),
            Segment::Field(_) => {
                if let Some(field) = fields.next() {
                    print_field(&mut id, *field, end_of_field(segments, at));
                }
            }
        }
    }
    id.into()
}

fn print_field(id: &mut String, field: &dyn fmt::Display, end: Option<u8>) {
    for byte in field.to_string().bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"_.:=@,;-".contains(&byte);
        if plain && end != Some(byte) {
            id.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(id, "%{byte:02X}");
        }
    }
}

/// The character that ends the field at `at`: the first of the literal after it. `rooms!` has seen to it that a field's
/// percent-escapes do not contain it.
fn end_of_field(segments: &[Segment], at: usize) -> Option<u8> {
    match segments.get(at + 1) {
        Some(Segment::Literal(text)) => text.bytes().next(),
        _ => None,
    }
}

/// The texts of an id's `N` fields, still percent-encoded; `None` if the id does not fit the pattern or a field is
/// empty.
#[must_use]
pub fn split_id<'a, const N: usize>(segments: &[Segment], id: &'a str) -> Option<[&'a str; N]> {
    let mut texts = [""; N];
    let mut slots = texts.iter_mut();
    let mut rest = id;
    for (at, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Literal(text) => rest = rest.strip_prefix(text)?,
            Segment::Field(_) => {
                let length = match end_of_field(segments, at) {
                    Some(end) => rest.bytes().position(|byte| byte == end)?,
                    None => rest.len(),
                };
                let (field, after) = rest.split_at_checked(length)?;
                if field.is_empty() {
                    return None;
                }
                *slots.next()? = field;
                rest = after;
            }
        }
    }
    rest.is_empty().then_some(texts)
}

/// The room, if `id` is a room id and the very one that the room prints: `project-007` is not project 7.
pub fn printing<R: RoomRef>(room: R, id: &str) -> Option<R> {
    (RoomId::is_valid(id) && room.room_id() == *id).then_some(room)
}
