//! Types and schemas that cannot be enforced, and the errors of their definition.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::chain::Chain;
use crate::schema::EventData;
use crate::schema::error::SchemaError;
use crate::schema::generate;
use crate::schema::validator::EventSchema;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Wide {
    inside: Vec<u128>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum BufferedKeys {
    Map { map: HashMap<u32, u8> },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct FlattenedKeys {
    #[serde(flatten)]
    map: HashMap<u32, u8>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Lookahead {
    #[schemars(regex(pattern = "^(?!x)"))]
    text: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct BadDefault {
    #[serde(default)]
    #[schemars(length(min = 1))]
    text: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct MissingOption {
    #[serde(deserialize_with = "optional")]
    maybe: Option<u8>,
}

fn optional<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    Option::deserialize(deserializer)
}
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
struct Picky(String);

impl TryFrom<String> for Picky {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() {
            Err("it is empty")
        } else {
            Ok(Self(text))
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Endless {
    Again(Box<Other>),
    Number(u8),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Other {
    Back(Box<Endless>),
    Text(String),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct HoldsEndless {
    inside: Vec<Endless>,
}

#[track_caller]
fn why<E: EventData>() -> String {
    Chain(&generate::inbound::<E>().unwrap_err()).to_string()
}

#[test]
fn integers_of_128_bits_are_refused_with_their_place() {
    assert_eq!(
        why::<Wide>(),
        "the schema has a 128-bit integer at `#/properties/inside/items`: use 64 bits or a string"
    );
}

#[test]
fn integer_keys_that_serde_cannot_read_are_refused() {
    assert!(
        why::<BufferedKeys>()
            .starts_with("the type cannot read the integer keys of the map at `#/anyOf/0/properties/map`")
    );
    assert!(why::<FlattenedKeys>().starts_with("the type cannot read the integer keys of the map at `#`"));
}

#[test]
fn a_type_that_asks_more_than_its_schema_says_is_refused_with_an_example() {
    for (why, place, reason) in [
        (
            why::<MissingOption>(),
            "refuses `{}`, which its schema allows at `MissingOption.maybe` (`#/properties/maybe`): add `#[serde(default)]`",
            "missing field `maybe`",
        ),
        (
            why::<Picky>(),
            "refuses `\"\"`, which its schema allows at `#`",
            "it is empty",
        ),
    ] {
        assert!(why.contains(place) && why.contains(reason), "{why}");
    }
}

#[test]
fn a_default_that_its_own_schema_forbids_is_refused() {
    assert!(
        why::<BadDefault>().contains("in a form that its schema does not allow at `#` (/text: "),
        "{}",
        why::<BadDefault>()
    );
}

#[test]
fn a_pattern_that_needs_backtracking_is_refused_with_its_place() {
    let why = why::<Lookahead>();
    assert!(
        why.contains("`#/properties/text/pattern`") && why.contains("lookaround"),
        "{why}"
    );
}

#[test]
fn a_pattern_that_is_too_large_is_refused_as_such() {
    let error = EventSchema::compile(json!({ "pattern": r"^(\w{1,300}\s?){1,300}$" }))
        .err()
        .unwrap();
    assert!(error.to_string().contains("needs too much memory"), "{error}");
}

#[test]
fn a_reference_that_leads_outside_is_refused_and_not_fetched() {
    for reference in [
        "https://example.org/schema.json",
        "file:///etc/passwd",
        "other.json",
        "#/$defs/Missing",
    ] {
        let error = EventSchema::compile(json!({ "properties": { "a": { "$ref": reference } } }))
            .err()
            .unwrap();
        assert!(matches!(error, SchemaError::Invalid { .. }), "{error}");
    }
}

#[test]
fn an_invalid_schema_is_refused_with_its_place() {
    let error = EventSchema::compile(json!({ "properties": { "a": { "type": "text" } } }))
        .err()
        .unwrap();
    assert!(error.to_string().contains("`#/properties/a/type`"), "{error}");
}

/// With data that is neither a number nor a text, serde would overflow the stack.
#[test]
fn a_type_that_refers_directly_to_itself_is_refused() {
    for why in [why::<Endless>(), why::<HoldsEndless>()] {
        assert!(why.contains("refers to itself with nothing in between"), "{why}");
    }
}
