//! Takes typed fields out of a request's object. Values are never converted: a field has the expected type, or the
//! request is malformed.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::id::{EventName, RoomId};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::json::{Entries, EntryValue, excerpt};

/// Why a request is invalid: a code, and a text for people.
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

/// The remaining fields of an object.
pub(super) struct Fields<'t> {
    entries: Entries<'t>,
    /// The path of the object, which precedes its fields' names in messages. It is empty, or for example `since.`.
    path: &'static str,
    /// The first invalid name of a room or event. A malformed field takes precedence over it.
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

    /// The field's value, if the field is present.
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

    /// A string of 1 to `max` bytes.
    pub(super) fn short_text(&mut self, name: &str, max: usize) -> Result<Option<String>, Problem> {
        match self.optional::<String>(name)? {
            Some(text) if text.is_empty() || text.len() > max => {
                Err(self.malformed(name, &format!("1 to {max} bytes of text")))
            }
            text => Ok(text),
        }
    }

    /// The `roomId`. With an invalid id, [`finish`](Self::finish) fails, as if the room did not exist.
    pub(super) fn room_id(&mut self) -> Result<RoomId, Problem> {
        let id: Cow<'t, str> = self.required("roomId")?;
        if !RoomId::is_valid(&id) {
            self.note_unknown(ErrorCode::RoomNotFound, || {
                format!("there is no room `{}`", excerpt(&id))
            });
        }
        Ok(RoomId::from(&*id))
    }

    /// The `event`. See [`event_name`](Self::event_name).
    pub(super) fn event(&mut self) -> Result<EventName, Problem> {
        let name: Cow<'t, str> = self.required("event")?;
        Ok(self.event_name(&name))
    }

    /// An event name. With an invalid name, [`finish`](Self::finish) fails, as if the room did not have the event.
    pub(super) fn event_name(&mut self, name: &str) -> EventName {
        if !EventName::is_valid(name) {
            self.note_unknown(ErrorCode::EventNotAllowed, || {
                format!("there is no event `{}`", excerpt(name))
            });
        }
        EventName::from(name)
    }

    /// Fails if one of the names was invalid. Call it once all fields have been found well-formed.
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

/// A type of field.
pub(super) trait Field<'t>: Sized {
    /// A description of this type for messages.
    const EXPECTED: &'static str;

    fn from_entry(entry: EntryValue<'t>) -> Option<Self>;
}

impl Field<'_> for i64 {
    const EXPECTED: &'static str = "a 64-bit integer";

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

impl Field<'_> for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_entry(entry: EntryValue<'_>) -> Option<Self> {
        match entry {
            EntryValue::Other(Value::Bool(flag)) => Some(flag),
            _ => None,
        }
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
