//! JSON text to values, strictly, and values to text, always.
//!
//! Stricter than serde_json alone: an object with the same key twice is refused, because two readers of it may each
//! believe another of the two, and so is nesting beyond a limit. Knows nothing of what the values mean.

use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

/// The deepest nesting that [`parse`] can be asked to allow: serde_json's own guard of the stack stops at 128.
pub(crate) const MAX_DEPTH: usize = 127;

/// How much of a client's text an error message repeats, in characters: enough to recognise, too little to abuse.
const EXCERPT_CHARS: usize = 32;

/// Reads one JSON document. A scalar has depth 0, an outermost object or array depth 1.
///
/// One pass, which builds nothing of what is deeper than `max_depth` (at most [`MAX_DEPTH`]).
pub(crate) fn parse(text: &str, max_depth: usize) -> Result<Value, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let levels = max_depth.min(MAX_DEPTH);
    let value = Strict { levels }.deserialize(&mut deserializer).map_err(JsonError)?;
    deserializer.end().map_err(JsonError)?;
    Ok(value)
}

/// Appends `value` as JSON.
pub(crate) fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        // Cannot happen for what this protocol writes: strings, integers, and maps with string keys, into memory. If it
        // ever did, the text around it must stay JSON.
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// The beginning of a client's text, fit for an error message or a log line: short, and without control characters.
pub(crate) fn excerpt(text: &str) -> String {
    let mut excerpt: String = text.chars().take(EXCERPT_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(EXCERPT_CHARS).is_some() {
        excerpt.push('…');
    }
    excerpt
}

/// Why a text is not the JSON that a client may send.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct JsonError(#[source] serde_json::Error);

/// Reads a value that may have this many more levels of nesting.
#[derive(Clone, Copy)]
struct Strict {
    levels: usize,
}

impl Strict {
    fn descend<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok(Self { levels }),
            None => Err(E::custom("nested too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.descend()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.descend()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            match object.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(entries.next_value_seed(inner)?);
                }
                Entry::Occupied(entry) => {
                    return Err(A::Error::custom(format_args!(
                        "duplicate key `{}`",
                        excerpt(entry.key())
                    )));
                }
            }
        }
        Ok(Value::Object(object))
    }
}
