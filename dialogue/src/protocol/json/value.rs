//! Parses one JSON document into a value. Rejects duplicate keys and deep nesting.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, map};

use super::excerpt::excerpt;
use super::number::number;

/// The deepest nesting that [`parse`] can allow. serde_json protects the stack with a limit of 128 levels.
pub(crate) const MAX_DEPTH: usize = 127;

/// Parses one JSON document. A scalar has depth 0, and an outermost object or array has depth 1.
///
/// Takes one pass, and builds nothing that is deeper than `max_depth`. A `max_depth` above [`MAX_DEPTH`] counts as
/// [`MAX_DEPTH`].
pub(crate) fn parse(text: &str, max_depth: usize) -> Result<Value, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let strict = Strict { levels: max_depth };
    let value = strict.deserialize(&mut deserializer).map_err(JsonError)?;
    deserializer.end().map_err(JsonError)?;
    Ok(value)
}

/// Why a text isn't JSON that a client may send.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct JsonError(pub(super) serde_json::Error);

pub(super) fn duplicate<E: serde::de::Error>(key: &str) -> E {
    E::custom(format_args!("duplicate key `{}`", excerpt(key)))
}

/// Parses a value that may have this many more levels of nesting.
#[derive(Clone, Copy)]
pub(super) struct Strict {
    pub(super) levels: usize,
}

impl Strict {
    pub(super) fn descend<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok(Self { levels }),
            None => Err(E::custom("nested too deeply")),
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
        let mut object = Map::new();
        let mut next = entries.next_key::<String>()?;
        if next.as_deref() == Some(PRIVATE_KEY) {
            match entries.next_value_seed(AfterPrivateKey(self))? {
                AfterKey::Number(number) => return Ok(number),
                AfterKey::Value(value) => drop(object.insert(PRIVATE_KEY.to_owned(), value)),
            }
            next = entries.next_key()?;
        }
        let inner = self.descend()?;
        while let Some(key) = next {
            match object.entry(key) {
                map::Entry::Vacant(entry) => {
                    entry.insert(entries.next_value_seed(inner)?);
                }
                map::Entry::Occupied(entry) => {
                    return Err(duplicate(entry.key()));
                }
            }
            next = entries.next_key()?;
        }
        Ok(Value::Object(object))
    }
}

/// The key with which serde_json passes a number as a map, if it has the feature `arbitrary_precision`.
const PRIVATE_KEY: &str = "$serde_json::private::Number";

/// The value after the private key.
enum AfterKey {
    /// The key stands for this number.
    Number(Value),
    /// Somebody has sent an object with this key.
    Value(Value),
}

/// Parses the value after the private key. Only serde_json itself passes an owned text; a text of the document is
/// borrowed.
struct AfterPrivateKey(Strict);

impl<'de> DeserializeSeed<'de> for AfterPrivateKey {
    type Value = AfterKey;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<AfterKey, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AfterPrivateKey {
    type Value = AfterKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_string<E: Error>(self, text: String) -> Result<AfterKey, E> {
        number(&text)
            .map(|number| AfterKey::Number(Value::Number(number)))
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_unit<E: Error>(self) -> Result<AfterKey, E> {
        self.0.descend()?.visit_unit().map(AfterKey::Value)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<AfterKey, E> {
        self.0.descend()?.visit_bool(value).map(AfterKey::Value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<AfterKey, E> {
        self.0.descend()?.visit_u64(value).map(AfterKey::Value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<AfterKey, E> {
        self.0.descend()?.visit_i64(value).map(AfterKey::Value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<AfterKey, E> {
        self.0.descend()?.visit_f64(value).map(AfterKey::Value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<AfterKey, E> {
        self.0.descend()?.visit_str(value).map(AfterKey::Value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<AfterKey, A::Error> {
        self.0.descend()?.visit_seq(elements).map(AfterKey::Value)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<AfterKey, A::Error> {
        self.0.descend()?.visit_map(entries).map(AfterKey::Value)
    }
}
