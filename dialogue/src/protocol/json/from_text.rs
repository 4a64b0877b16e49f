//! Parses the server's frames into types, for the client.

use std::fmt;
use std::sync::LazyLock;

use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::number::number;

/// Parses a text into a type. If numbers are maps, the type would not recognise them below a tag, so they are replaced
/// first.
pub(crate) fn from_text<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    if !has_arbitrary_precision() {
        return serde_json::from_str(text);
    }
    let mut value = serde_json::from_str(text)?;
    write_plain(&mut value);
    T::deserialize(value)
}

/// Replaces each number by the one that serde_json would parse without the feature.
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
