//! Parses one JSON object into some of its entries. It is as strict as the parser of values, but builds no map and does
//! not copy texts.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::value::{JsonError, Strict, duplicate, parse};

/// Parses one JSON document as [`parse`] does, but returns the entries of the outermost object. It returns the entries
/// with a name in `wanted`, and only checks the others. Returns `None` if the document isn't an object.
pub(crate) fn parse_object<'t>(
    text: &'t str,
    max_depth: usize,
    wanted: &'static [&'static str],
) -> Result<Option<Entries<'t>>, JsonError> {
    if !text.trim_ascii_start().starts_with('{') {
        return parse(text, max_depth).map(|_| None);
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let outermost = Outermost {
        strict: Strict { levels: max_depth },
        wanted,
    };
    let entries = deserializer.deserialize_map(outermost).map_err(JsonError)?;
    deserializer.end().map_err(JsonError)?;
    Ok(Some(entries))
}

/// Some entries of an object, in their original order. There are few, so a search takes less time than building a map.
pub(crate) type Entries<'t> = Vec<(Cow<'t, str>, EntryValue<'t>)>;

/// The value of an entry. A text is borrowed from the document if it contains no escapes.
#[derive(Debug)]
pub(crate) enum EntryValue<'t> {
    Text(Cow<'t, str>),
    Other(Value),
}

impl From<Value> for EntryValue<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.into()),
            other => Self::Other(other),
        }
    }
}

impl From<EntryValue<'_>> for Value {
    fn from(entry: EntryValue<'_>) -> Self {
        match entry {
            EntryValue::Text(text) => Self::String(text.into_owned()),
            EntryValue::Other(other) => other,
        }
    }
}

/// Parses the outermost object.
struct Outermost {
    strict: Strict,
    wanted: &'static [&'static str],
}

impl<'de> Visitor<'de> for Outermost {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Entries<'de>, A::Error> {
        let inner = self.strict.descend()?;
        let mut taken: Entries<'de> = Vec::with_capacity(8);
        let mut others = BTreeSet::new();
        while let Some(key) = entries.next_key_seed(BorrowedKey)? {
            let wanted = self.wanted.contains(&&*key);
            let first = if wanted {
                taken.iter().all(|(name, _)| *name != key)
            } else {
                others.insert(key.clone())
            };
            if !first {
                return Err(duplicate(&key));
            }
            if wanted {
                taken.push((key, entries.next_value_seed(StrictEntry(inner))?));
            } else {
                entries.next_value_seed(inner)?;
            }
        }
        Ok(taken)
    }
}

/// Parses a key. Borrows it from the document if it contains no escapes.
struct BorrowedKey;

impl<'de> DeserializeSeed<'de> for BorrowedKey {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for BorrowedKey {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// Parses a value as [`Strict`] does, but borrows a text where possible.
struct StrictEntry(Strict);

impl<'de> DeserializeSeed<'de> for StrictEntry {
    type Value = EntryValue<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<EntryValue<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictEntry {
    type Value = EntryValue<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<EntryValue<'de>, E> {
        Ok(EntryValue::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<EntryValue<'de>, E> {
        Ok(EntryValue::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<EntryValue<'de>, E> {
        self.0.visit_unit().map(EntryValue::Other)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<EntryValue<'de>, E> {
        self.0.visit_bool(value).map(EntryValue::Other)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<EntryValue<'de>, E> {
        self.0.visit_u64(value).map(EntryValue::Other)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<EntryValue<'de>, E> {
        self.0.visit_i64(value).map(EntryValue::Other)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<EntryValue<'de>, E> {
        self.0.visit_f64(value).map(EntryValue::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<EntryValue<'de>, A::Error> {
        self.0.visit_seq(elements).map(EntryValue::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<EntryValue<'de>, A::Error> {
        self.0.visit_map(entries).map(EntryValue::Other)
    }
}
