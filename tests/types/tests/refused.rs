//! Types that stay refused, and what their error says: the field, the refused value, the type's own message and the
//! attribute to add. Each type is accepted with that attribute.

use std::error::Error;

use dialogue::event::validate_event_data;
use dialogue::prelude::*;
use serde_json::json;
use serde_with::{DisplayFromStr, serde_as};

/// The message of a definition's error, with its causes.
#[track_caller]
fn why<E: DialogueEvent>() -> String {
    let mut error: Option<&dyn Error> = Some(E::try_definition().expect_err("it is refused"));
    let mut texts = Vec::new();
    while let Some(one) = error {
        texts.push(one.to_string());
        error = one.source();
    }
    texts.join(": ")
}

#[track_caller]
fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
}

/// A name of two capital letters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
struct Code(String);

impl TryFrom<String> for Code {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_bytes() {
            [b'A'..=b'Z', b'A'..=b'Z'] => Ok(Self(text)),
            _ => Err("a code has two capital letters"),
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Code {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Item {
    name: String,
    code: Code,
    more: Option<Box<Item>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Order {
    id: u64,
    items: Vec<Item>,
}

#[test]
fn names_the_field_of_a_newtype_and_the_attribute_to_add() {
    contains(
        &why::<Order>(),
        &[
            "`order`",
            "`Order.items[].code`",
            "`#/$defs/Code`",
            "`\"a\"`",
            "a code has two capital letters",
            r#"#[schemars(extend("pattern" = "…"))]"#,
        ],
    );
}

#[serde_as]
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Displayed {
    id: u64,
    #[serde_as(as = "DisplayFromStr")]
    code: Code,
}

#[test]
fn names_a_field_that_is_read_with_from_str() {
    contains(
        &why::<Displayed>(),
        &[
            "`Displayed.code`",
            "`#/properties/code`",
            "`\"a\"`",
            "a code has two capital letters",
            r#"#[schemars(regex(pattern = "…"))]"#,
        ],
    );
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Priced {
    prices: std::collections::BTreeMap<Code, u8>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Coded {
    codes: std::collections::BTreeMap<String, (u8, Code)>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Extended {
    own: u8,
    #[serde(flatten)]
    more: std::collections::BTreeMap<Code, Vec<u8>>,
}

#[test]
fn names_the_map_whose_keys_are_refused() {
    contains(
        &why::<Priced>(),
        &[
            "the keys of `Priced.prices`",
            "`#/properties/prices`",
            "`\"key\"`",
            "a code has two capital letters",
            r#"#[schemars(extend("propertyNames" = "#,
        ],
    );
    contains(
        &why::<Extended>(),
        &["the keys of `#`", "`\"key\"`", "a code has two capital letters"],
    );
    contains(
        &why::<Coded>(),
        &["`Coded.codes.*[1]`", "a code has two capital letters"],
    );
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
enum Paid {
    Cash { amount: u8 },
    Card { holder: String, code: Code },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Payment {
    by: Paid,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Either {
    Number(u8),
    Code { code: Code },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Chosen {
    either: Vec<Either>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Flat {
    own: u8,
    #[serde(flatten)]
    item: Item,
}

#[test]
fn names_a_field_that_serde_reads_through_a_buffer() {
    contains(
        &why::<Payment>(),
        &["`Payment.by.code`", "a code has two capital letters"],
    );
    contains(
        &why::<Chosen>(),
        &["`Chosen.either[].code`", "did not match any variant"],
    );
    contains(&why::<Flat>(), &["`Flat.code`", "a code has two capital letters"]);
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8")]
struct Percent(u8);

impl TryFrom<u8> for Percent {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        if number <= 100 {
            Ok(Self(number))
        } else {
            Err("more than 100")
        }
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Progress {
    done: Percent,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
struct NotEmpty(String);

impl TryFrom<String> for NotEmpty {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() {
            Err("it is empty")
        } else {
            Ok(Self(text))
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Said {
    text: Option<NotEmpty>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<u8>")]
struct Two(Vec<u8>);

impl TryFrom<Vec<u8>> for Two {
    type Error = &'static str;

    fn try_from(items: Vec<u8>) -> Result<Self, Self::Error> {
        if items.len() == 2 {
            Ok(Self(items))
        } else {
            Err("not two")
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Pairs {
    pairs: Vec<Two>,
}

#[test]
fn chooses_the_attribute_by_what_is_refused() {
    contains(
        &why::<Progress>(),
        &["`Progress.done`", "more than 100", r#"extend("maximum" = …)"#],
    );
    contains(
        &why::<Said>(),
        &["`Said.text`", "`\"\"`", "it is empty", r#"extend("minLength" = 1)"#],
    );
    contains(
        &why::<Pairs>(),
        &[
            "`Pairs.pairs[]`",
            "not two",
            r#"extend("minItems" = …, "maxItems" = …)"#,
        ],
    );
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Missing {
    inner: Vec<Incomplete>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Incomplete {
    #[serde(deserialize_with = "optional")]
    maybe: Option<u8>,
}

fn optional<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    Option::deserialize(deserializer)
}

#[test]
fn names_a_field_that_must_not_be_left_out() {
    contains(
        &why::<Missing>(),
        &["`Missing.inner[].maybe`", "missing field `maybe`", "#[serde(default)]"],
    );
}

/// The remedies of the messages above, applied.
mod described {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    #[serde(try_from = "String")]
    #[schemars(extend("pattern" = "^[A-Z]{2}$"))]
    struct Code(String);

    impl TryFrom<String> for Code {
        type Error = &'static str;

        fn try_from(text: String) -> Result<Self, Self::Error> {
            super::Code::try_from(text).map(|code| Self(code.0))
        }
    }

    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
    #[serde(try_from = "u8")]
    #[schemars(extend("maximum" = 100))]
    struct Percent(u8);

    impl TryFrom<u8> for Percent {
        type Error = &'static str;

        fn try_from(number: u8) -> Result<Self, Self::Error> {
            super::Percent::try_from(number).map(|percent| Self(percent.0))
        }
    }

    #[serde_as]
    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
    struct Described {
        code: Code,
        codes: Vec<Option<Code>>,
        #[schemars(extend("propertyNames" = { "pattern": "^[A-Z]{2}$" }))]
        keyed: std::collections::BTreeMap<super::Code, u8>,
        by_code: std::collections::BTreeMap<Code, u8>,
        #[serde_as(as = "DisplayFromStr")]
        #[schemars(regex(pattern = "^[A-Z]{2}$"))]
        displayed: super::Code,
        done: Percent,
        #[serde(default, deserialize_with = "optional")]
        maybe: Option<u8>,
    }

    #[test]
    fn the_named_attributes_make_the_types_work() {
        let definition = Described::try_definition().unwrap_or_else(|error| panic!("{error}: {:?}", error.source()));
        let good = json!({
            "code": "AB", "codes": ["CD", null], "keyed": { "EF": 1 }, "by_code": { "GH": 1 }, "displayed": "IJ",
            "done": 100,
        });
        assert!(validate_event_data(definition, &good).is_ok());
        for (name, value) in [
            ("code", json!("a")),
            ("codes", json!(["a"])),
            ("keyed", json!({ "a": 1 })),
            ("by_code", json!({ "a": 1 })),
            ("displayed", json!("a")),
            ("done", json!(101)),
        ] {
            let mut bad = good.clone();
            bad[name] = value;
            let violations = validate_event_data(definition, &bad).expect_err(name);
            assert_ne!(violations[0].rule, "type", "{name}: {violations:?}");
        }
    }
}

/// Strings whose form the probe knows.
#[serde_as]
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Known {
    #[serde_as(as = "DisplayFromStr")]
    id: u64,
    #[serde_as(as = "DisplayFromStr")]
    wide: i128,
    #[serde_as(as = "Vec<DisplayFromStr>")]
    host: Vec<std::net::SocketAddr>,
    #[serde_as(as = "serde_with::base64::Base64")]
    bytes: Vec<u8>,
    #[schemars(with = "String")]
    uuid: uuid::Uuid,
    #[schemars(with = "Option<String>")]
    date: Option<chrono::NaiveDate>,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String")]
    at: time::OffsetDateTime,
}

#[test]
fn finds_the_form_of_strings_that_from_str_reads() {
    let definition = Known::try_definition().unwrap_or_else(|error| panic!("{error}: {:?}", error.source()));
    let good = json!({
        "id": "18446744073709551615", "wide": "-170141183460469231731687303715884105728", "host": ["127.0.0.1:80"],
        "bytes": "AA==", "uuid": "67e55044-10b1-426f-9247-bb680e5fe0c8", "date": "2024-02-29",
        "at": "2024-02-29T12:00:00Z",
    });
    assert_eq!(validate_event_data(definition, &good).as_ref(), Ok(&good));
    for (name, value) in [
        ("id", json!("18446744073709551616")),
        ("id", json!(1)),
        ("wide", json!("170141183460469231731687303715884105728")),
        ("host", json!(["a"])),
        ("bytes", json!("AA=")),
        ("uuid", json!("a")),
        ("date", json!("2023-02-29")),
        ("at", json!("2024-02-29")),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        let violations = validate_event_data(definition, &bad).expect_err(name);
        let properties = &definition.inbound_schema().unwrap()["properties"];
        assert!(
            violations[0].path.starts_with(&format!("/{name}")),
            "{violations:?} by {properties:#}"
        );
    }
}
