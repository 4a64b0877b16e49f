//! Numbers, whatever features serde_json has.
//!
//! A crate of the application may enable serde_json's feature `arbitrary_precision`. Then serde_json passes a number to
//! a visitor as a map with one private key and the number's text. This module turns it into the number that serde_json
//! would parse without the feature.

use std::fmt;
use std::sync::LazyLock;

use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::{Number, Value};

/// Parses a text into a type. If numbers are maps, the type would not recognise them below a tag, so they are replaced
/// first.
#[cfg(feature = "client")]
pub(crate) fn from_text<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    if !has_arbitrary_precision() {
        return serde_json::from_str(text);
    }
    let mut value = serde_json::from_str(text)?;
    write_plain(&mut value);
    T::deserialize(value)
}

/// Replaces each number by the one that serde_json would parse without the feature.
#[cfg(feature = "client")]
fn write_plain(value: &mut Value) {
    match value {
        Value::Number(found) => {
            if let Some(plain) = number(&found.to_string()) {
                *found = plain;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(write_plain),
        Value::Object(fields) => fields.values_mut().for_each(write_plain),
        _ => {}
    }
}

/// Whether serde_json passes numbers as maps.
#[cfg(feature = "client")]
fn has_arbitrary_precision() -> bool {
    struct IsMap;

    impl<'de> Visitor<'de> for IsMap {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number")
        }

        fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<bool, A::Error> {
            while entries.next_entry::<String, String>()?.is_some() {}
            Ok(true)
        }
    }

    static ANSWER: LazyLock<bool> = LazyLock::new(|| {
        serde_json::Deserializer::from_str("1")
            .deserialize_any(IsMap)
            .unwrap_or(true)
    });
    *ANSWER
}

/// The number that a text of JSON means: an integer of 64 bits, or else a float. `None` if it is out of range.
pub(super) fn number(text: &str) -> Option<Number> {
    if let Ok(unsigned) = text.parse::<u64>() {
        return Some(unsigned.into());
    }
    match text.parse::<i64>() {
        // Negative zero is a float.
        Ok(signed) if signed != 0 => Some(signed.into()),
        _ => Number::from_f64(text.parse().ok()?),
    }
}
