//! JSON text to values, strictly, and values to text, always.
//!
//! Stricter than serde_json alone: an object with the same key twice is refused, because two readers of it may each
//! believe another of the two, and so is nesting beyond a limit. Knows nothing of what the values mean.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map;
use serde_json::{Map, Number, Value};

/// The deepest nesting that [`parse`] can be asked to allow: serde_json's own guard of the stack stops at 128.
pub(crate) const MAX_DEPTH: usize = 127;

/// How much of a client's text an error message repeats, in characters: enough to recognise, too little to abuse.
const EXCERPT_CHARS: usize = 32;

/// Reads one JSON document. A scalar has depth 0, an outermost object or array depth 1.
///
/// One pass, which builds nothing of what is deeper than `max_depth`. Above [`MAX_DEPTH`], that is the limit.
pub(crate) fn parse(text: &str, max_depth: usize) -> Result<Value, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let strict = Strict { levels: max_depth };
    let value = strict.deserialize(&mut deserializer).map_err(JsonError)?;
    deserializer.end().map_err(JsonError)?;
    Ok(value)
}

/// Reads one JSON document as [`parse`] does, but an object by its entries: those of the names in `wanted`, while all others
/// are checked and left out. `None` if it is no object.
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

/// Some entries of an object, in the order in which they came. Few: to look through them takes less than to keep a map.
pub(crate) type Entries<'t> = Vec<(Cow<'t, str>, EntryValue<'t>)>;

/// An entry's value. A text is where it was in the document, if nothing in it is escaped.
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

/// Reads the outermost object.
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

/// Reads a key, and leaves it where it is if nothing in it is escaped.
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

/// Reads a value as [`Strict`] does, but for a text.
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

fn duplicate<E: serde::de::Error>(key: &str) -> E {
    E::custom(format_args!("duplicate key `{}`", excerpt(key)))
}

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
                map::Entry::Vacant(entry) => {
                    entry.insert(entries.next_value_seed(inner)?);
                }
                map::Entry::Occupied(entry) => {
                    return Err(duplicate(entry.key()));
                }
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::protocol::arbitrary;

    fn arrays(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }

    fn objects(depth: usize) -> String {
        format!("{}0{}", r#"{"a":"#.repeat(depth), "}".repeat(depth))
    }

    fn error(text: &str) -> String {
        parse(text, 32).unwrap_err().to_string()
    }

    #[test]
    fn allows_as_many_levels_as_the_limit_and_no_more() {
        for nested in [arrays, objects] {
            assert!(parse(&nested(32), 32).is_ok());
            assert!(error(&nested(33)).starts_with("nested too deep"));
        }
        assert_eq!(parse("7", 0).unwrap(), json!(7));
        assert!(parse("[]", 0).is_err());
    }

    #[test]
    fn a_limit_beyond_the_highest_counts_as_the_highest() {
        assert!(parse(&arrays(MAX_DEPTH), usize::MAX).is_ok());
        assert!(parse(&arrays(MAX_DEPTH + 1), usize::MAX).is_err());
    }

    #[test]
    fn extreme_depth_needs_no_stack() {
        let small_stack = std::thread::Builder::new().stack_size(512 * 1024);
        let parsed = small_stack.spawn(|| {
            for nested in [arrays, objects] {
                assert!(parse(&nested(100_000), 32).is_err());
                assert!(parse(&nested(100_000), usize::MAX).is_err());
            }
        });
        parsed.unwrap().join().unwrap();
    }

    #[test]
    fn refuses_the_same_key_twice_at_any_level_however_it_is_written() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"[{"x":{"a":1,"\u0061":2}}]"#,
            r#"{"":1,"":2}"#,
        ] {
            assert!(error(text).starts_with("duplicate key"), "{text}");
        }
        assert!(parse(r#"{"a":{"a":1},"b":{"a":1},"A":[{"a":1},{"a":1}]}"#, 32).is_ok());
    }

    #[test]
    fn repeats_little_of_a_long_key() {
        let key = "k".repeat(10_000);
        assert!(error(&format!(r#"{{"{key}":1,"{key}":1}}"#)).len() < 200);
    }

    #[test]
    fn refuses_what_is_not_one_document_of_json() {
        for text in [
            "",
            " ",
            "{}{}",
            "{} x",
            "nul",
            "{",
            r#"{"a"}"#,
            "[1,]",
            "{'a':1}",
            "NaN",
            "Infinity",
            "+1",
            "01",
            ".5",
            "1.",
            "0x1",
            "1e400",
            "-1e400",
            r#""\ud800""#,
            r#""\udc00""#,
            r#""\ud800\ud800""#,
            "\"\u{1}\"",
            "\u{feff}{}",
            "/**/{}",
        ] {
            assert!(parse(text, 32).is_err(), "{text:?}");
        }
    }

    #[test]
    fn keeps_every_scalar_as_it_is() {
        for (text, value) in [
            ("null", Value::Null),
            ("true", json!(true)),
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("3.0", json!(3.0)),
            ("1e308", json!(1e308)),
            (r#""\ud83d\ude00""#, json!("😀")),
            ("\"plain\"", json!("plain")),
        ] {
            assert_eq!(parse(text, 0).unwrap(), value, "{text}");
        }
        assert!(parse("3.0", 0).unwrap().as_i64().is_none(), "a fraction stays one");
    }

    #[test]
    fn a_key_that_means_something_to_serde_json_means_nothing_here() {
        let text = r#"{"$serde_json::private::RawValue":"[","$serde_json::private::Number":"x"}"#;
        let value = parse(text, 1).unwrap();
        assert_eq!(value["$serde_json::private::RawValue"], json!("["));
        let mut out = Vec::new();
        write(&mut out, &value);
        assert_eq!(parse(std::str::from_utf8(&out).unwrap(), 1).unwrap(), value);
    }

    #[test]
    fn what_cannot_be_written_leaves_json_behind() {
        let mut out = b"[".to_vec();
        let unwritable = std::collections::BTreeMap::from([(vec![1], 1)]);
        write(&mut out, &(1, unwritable));
        assert_eq!(out, b"[null");
    }

    #[test]
    fn an_excerpt_is_short_and_without_control_characters() {
        assert_eq!(excerpt("chat"), "chat");
        assert_eq!(excerpt("a\r\nb\u{202e}"), "a\\r\\nb\\u{202e}");
        assert_eq!(excerpt(&"x".repeat(32)), "x".repeat(32));
        assert_eq!(excerpt(&"é".repeat(33)), "é".repeat(32) + "…");
    }

    /// The levels of nesting in a value.
    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(array) => 1 + array.iter().map(depth).max().unwrap_or(0),
            Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), limit in 0..40_usize) {
            let _ = parse(&String::from_utf8_lossy(&bytes), limit);
        }

        #[test]
        fn never_panics_on_what_looks_like_json(text in r#"[\[\]{}:,"\\0-9eE+.a-f \-]{0,60}"#, limit in 0..40_usize) {
            let _ = parse(&text, limit);
        }

        #[test]
        fn reads_back_what_is_written_if_and_only_if_it_is_shallow_enough(value in arbitrary::value(), limit in 0..6_usize) {
            let mut out = Vec::new();
            write(&mut out, &value);
            let read = parse(std::str::from_utf8(&out).unwrap(), limit);
            if depth(&value) <= limit {
                prop_assert_eq!(read.unwrap(), value);
            } else {
                prop_assert!(read.is_err());
            }
        }
    }
}
