//! Takes typed fields out of a request's object. Nothing is coerced: a field is what it should be, or the request is
//! malformed.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::id::{EventName, RoomId};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::json::{Entries, EntryValue, excerpt};

/// What is wrong with a request: a code and a sentence for people.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) code: ErrorCode,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::InvalidRequest,
            message: message.into(),
        }
    }
}

/// The fields of an object that have not been taken yet.
pub(super) struct Fields<'t> {
    entries: Entries<'t>,
    /// Where the object is, to name its fields in messages: empty, or such as `since.`.
    path: &'static str,
    /// A name that no room or event can have. It is well-formed JSON, so it gives way to what is not.
    unknown: Option<Problem>,
}

impl<'t> Fields<'t> {
    /// The fields of the request itself.
    pub(super) fn new(entries: Entries<'t>) -> Self {
        Self {
            entries,
            path: "",
            unknown: None,
        }
    }

    /// The fields of an object inside the request; `path` ends in a dot.
    pub(super) fn at(path: &'static str, object: Map<String, Value>) -> Self {
        let entries = object.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self {
            path,
            ..Self::new(entries.collect())
        }
    }

    /// The field as it is, if it is there.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.take_entry(name).map(Value::from)
    }

    fn take_entry(&mut self, name: &str) -> Option<EntryValue<'t>> {
        let at = self.entries.iter().position(|(of, _)| of == name)?;
        Some(self.entries.swap_remove(at).1)
    }

    /// A field that may be absent, but not `null`.
    pub(super) fn optional<T: Field<'t>>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        let Some(entry) = self.take_entry(name) else {
            return Ok(None);
        };
        match T::from_entry(entry) {
            Some(field) => Ok(Some(field)),
            None => Err(self.malformed(name, T::EXPECTED)),
        }
    }

    pub(super) fn required<T: Field<'t>>(&mut self, name: &str) -> Result<T, Problem> {
        self.optional(name)?
            .ok_or_else(|| Problem::invalid(format!("`{}{name}` is missing", self.path)))
    }

    pub(super) fn malformed(&self, name: &str, expected: &str) -> Problem {
        Problem::invalid(format!("`{}{name}` must be {expected}", self.path))
    }

    /// A string of at most `max` bytes, and at least one.
    pub(super) fn short_text(&mut self, name: &str, max: usize) -> Result<Option<String>, Problem> {
        match self.optional::<String>(name)? {
            Some(text) if text.is_empty() || text.len() > max => {
                Err(self.malformed(name, &format!("1 to {max} bytes of text")))
            }
            text => Ok(text),
        }
    }

    /// The `roomId`. One that no room can have makes the request fail in [`finish`](Self::finish), as a room that does
    /// not exist.
    pub(super) fn room_id(&mut self) -> Result<RoomId, Problem> {
        let id: Cow<'t, str> = self.required("roomId")?;
        if !RoomId::is_valid(&id) {
            self.note_unknown(ErrorCode::RoomNotFound, || format!("no room `{}`", excerpt(&id)));
        }
        Ok(RoomId::from(&*id))
    }

    /// The `event`, as [`event_name`](Self::event_name).
    pub(super) fn event(&mut self) -> Result<EventName, Problem> {
        let name: Cow<'t, str> = self.required("event")?;
        Ok(self.event_name(&name))
    }

    /// A name that no event can have makes the request fail in [`finish`](Self::finish), as an event that the room does
    /// not have.
    pub(super) fn event_name(&mut self, name: &str) -> EventName {
        if !EventName::is_valid(name) {
            self.note_unknown(ErrorCode::EventNotAllowed, || format!("no event `{}`", excerpt(name)));
        }
        EventName::from(name)
    }

    /// Fails if one of the names taken cannot exist. To be called when all fields have been found well-formed.
    pub(super) fn finish(self) -> Result<(), Problem> {
        self.unknown.map_or(Ok(()), Err)
    }

    fn note_unknown(&mut self, code: ErrorCode, message: impl FnOnce() -> String) {
        self.unknown.get_or_insert_with(|| Problem {
            code,
            message: message(),
        });
    }
}

/// A type that a field may have.
pub(super) trait Field<'t>: Sized {
    /// What the field must be, for people.
    const EXPECTED: &'static str;

    fn from_entry(entry: EntryValue<'t>) -> Option<Self>;
}

impl Field<'_> for i64 {
    const EXPECTED: &'static str = "an integer of 64 bits";

    fn from_entry(entry: EntryValue<'_>) -> Option<Self> {
        match entry {
            EntryValue::Other(value) => value.as_i64(),
            EntryValue::Text(_) => None,
        }
    }
}

impl Field<'_> for u64 {
    const EXPECTED: &'static str = "an integer from 0 to 2^64 − 1";

    fn from_entry(entry: EntryValue<'_>) -> Option<Self> {
        match entry {
            EntryValue::Other(value) => value.as_u64(),
            EntryValue::Text(_) => None,
        }
    }
}

impl<'t> Field<'t> for Cow<'t, str> {
    const EXPECTED: &'static str = "a string";

    fn from_entry(entry: EntryValue<'t>) -> Option<Self> {
        match entry {
            EntryValue::Text(text) => Some(text),
            EntryValue::Other(_) => None,
        }
    }
}

impl<'t> Field<'t> for String {
    const EXPECTED: &'static str = <Cow<'t, str>>::EXPECTED;

    fn from_entry(entry: EntryValue<'t>) -> Option<Self> {
        Cow::from_entry(entry).map(Cow::into_owned)
    }
}

impl Field<'_> for Map<String, Value> {
    const EXPECTED: &'static str = "an object";

    fn from_entry(entry: EntryValue<'_>) -> Option<Self> {
        match entry {
            EntryValue::Other(Value::Object(object)) => Some(object),
            _ => None,
        }
    }
}

impl Field<'_> for Vec<Value> {
    const EXPECTED: &'static str = "an array";

    fn from_entry(entry: EntryValue<'_>) -> Option<Self> {
        match entry {
            EntryValue::Other(Value::Array(array)) => Some(array),
            _ => None,
        }
    }
}
