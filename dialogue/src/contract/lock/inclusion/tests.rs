//! Examples of additive and breaking changes.

use serde_json::{Value, json};

use super::{Mismatch, compatible};
use crate::contract::direction::Direction;
use crate::contract::snapshot::EventSnapshot;
use crate::event::dialogue_event::DialogueEvent;
use crate::schema::walk;

fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

/// Checks what a change means for clients that send the data, and for clients that receive it.
#[track_caller]
fn judged(old: Value, new: Value, sent: Result<(), &str>, received: Result<(), &str>) {
    for (direction, expected) in [(Direction::Inbound, sent), (Direction::Outbound, received)] {
        let verdict = compatible(direction, &old, &new).map_err(|Mismatch { at, why, .. }| format!("{at}: {why}"));
        assert_eq!(
            verdict.as_ref().map_err(String::as_str).copied(),
            expected,
            "{direction:?}: {old} to {new}"
        );
    }
}

#[test]
fn a_new_optional_property_is_additive_and_a_new_required_one_breaks_senders() {
    let old = object(&["a"], json!({ "a": { "type": "string" } }));
    let both = json!({ "a": { "type": "string" }, "b": { "type": "integer" } });
    judged(old.clone(), object(&["a"], both.clone()), Ok(()), Ok(()));
    judged(old, object(&["a", "b"], both), Err("/b: is now required"), Ok(()));
}

#[test]
fn a_removed_property_is_breaking() {
    let old = object(&["a"], json!({ "a": { "type": "string" }, "b": { "type": "integer" } }));
    judged(
        old,
        object(&["a"], json!({ "a": { "type": "string" } })),
        Err("/b: is no longer read"),
        Err("/b: is no longer sent"),
    );
}

#[test]
fn a_removed_map_is_breaking() {
    let mut with_map = object(&["a"], json!({ "a": { "type": "string" } }));
    let without = with_map.clone();
    with_map["additionalProperties"] = json!({ "type": "integer" });
    judged(
        with_map.clone(),
        without.clone(),
        Err("/*: is no longer read"),
        Err("/*: is no longer sent"),
    );
    judged(without, with_map, Ok(()), Ok(()));
}

#[test]
fn a_variant_is_recognised_by_its_tag() {
    let tagged = |tags: &[&str]| {
        let variant = |tag: &&str| {
            object(
                &["t", tag],
                json!({ "t": { "const": tag }, *tag: { "type": "integer" } }),
            )
        };
        json!({ "oneOf": tags.iter().map(variant).collect::<Vec<_>>() })
    };
    let external = |tags: &[&str]| {
        let variant = |tag: &&str| {
            let mut variant = object(&[tag], json!({ *tag: { "type": "integer" } }));
            variant["additionalProperties"] = json!(false);
            variant
        };
        json!({ "oneOf": tags.iter().map(variant).collect::<Vec<_>>() })
    };
    let (few, many) = (["a", "b"], ["a", "b", "c"]);
    judged(tagged(&few), tagged(&many), Ok(()), Err("/t: may now be `\"c\"`"));
    judged(
        tagged(&many),
        tagged(&few),
        Err("/t: `\"c\"` is no longer accepted"),
        Ok(()),
    );
    judged(external(&few), external(&many), Ok(()), Err("/c: may now be `integer`"));
    judged(
        external(&many),
        external(&few),
        Err("/c: `integer` is no longer accepted"),
        Ok(()),
    );
}

#[test]
fn an_optional_property_that_becomes_required_breaks_senders_and_the_reverse_breaks_receivers() {
    let property = json!({ "a": { "type": "string" } });
    judged(
        object(&[], property.clone()),
        object(&["a"], property.clone()),
        Err("/a: is now required"),
        Ok(()),
    );
    judged(
        object(&["a"], property.clone()),
        object(&[], property),
        Ok(()),
        Err("/a: may now be absent"),
    );
}

#[test]
fn limits_may_widen_for_senders_and_narrow_for_receivers() {
    for (narrow, wide, sent, received) in [
        (
            json!({ "type": "string", "maxLength": 5 }),
            json!({ "type": "string", "maxLength": 9 }),
            ": may now have only 5 characters, was 9",
            ": may now have 9 characters, was 5",
        ),
        (
            json!({ "type": "integer", "minimum": 1 }),
            json!({ "type": "integer", "minimum": 0 }),
            ": the minimum is now 1, was 0",
            ": the minimum is now 0, was 1",
        ),
        (
            json!({ "type": "integer" }),
            json!({ "type": "number" }),
            ": `number` is no longer accepted",
            ": may now be `number`",
        ),
        (
            json!({ "type": "string", "enum": ["a"] }),
            json!({ "type": "string", "enum": ["a", "b"] }),
            ": `\"b\"` is no longer accepted",
            ": may now be `\"b\"`",
        ),
        (
            json!({ "type": "string" }),
            json!({ "type": ["string", "null"] }),
            ": `null` is no longer accepted",
            ": may now be `null`",
        ),
        (
            json!({ "type": "string", "format": "uuid" }),
            json!({ "type": "string" }),
            ": must now have the format \"uuid\"",
            ": no longer has to have the format \"uuid\"",
        ),
        (
            json!({ "type": "array", "items": { "type": "integer" }, "uniqueItems": true }),
            json!({ "type": "array", "items": { "type": "integer" } }),
            ": items must now be unique",
            ": items may now be repeated",
        ),
        (
            json!({ "type": "object", "additionalProperties": { "type": "integer" } }),
            json!({ "type": "object", "additionalProperties": true }),
            "/*: `null` is no longer accepted",
            "/*: may now be `null`",
        ),
    ] {
        judged(narrow.clone(), wide.clone(), Ok(()), Err(received));
        judged(wide, narrow, Err(sent), Ok(()));
    }
}

#[test]
fn a_changed_default_breaks_senders() {
    let with = |default: Value| object(&[], json!({ "a": { "type": "integer", "default": default } }));
    judged(
        with(json!(1)),
        with(json!(2)),
        Err("/a: its default is now 2, was 1"),
        Ok(()),
    );
    let required = object(&["a"], json!({ "a": { "type": "integer" } }));
    judged(required, with(json!(1)), Ok(()), Err("/a: may now be absent"));
}

#[test]
fn a_new_variant_of_a_tagged_enum_is_additive_only_for_senders() {
    let variant = |name: &str| {
        json!({ "type": "object", "required": ["type", "x"],
                "properties": { "type": { "const": name }, "x": { "$ref": "#/$defs/X" } } })
    };
    let tagged = |variants: &[&str]| {
        let variants: Vec<_> = variants.iter().map(|name| variant(name)).collect();
        json!({ "oneOf": variants, "$defs": { "X": { "type": "integer" } } })
    };
    judged(
        tagged(&["A", "B"]),
        tagged(&["A", "B", "C"]),
        Ok(()),
        Err("/type: may now be `\"C\"`"),
    );
    judged(
        tagged(&["A", "B"]),
        tagged(&["A"]),
        Err("/type: `\"B\"` is no longer accepted"),
        Ok(()),
    );
    let external = |variants: &[&str]| {
        let variants: Vec<_> = variants
            .iter()
            .map(|name| {
                json!({ "type": "object", "required": [name], "additionalProperties": false,
                        "properties": { *name: { "type": "integer" } } })
            })
            .collect();
        json!({ "oneOf": variants })
    };
    assert_eq!(
        compatible(Direction::Inbound, &external(&["A"]), &external(&["A", "B"])),
        Ok(())
    );
    assert!(compatible(Direction::Outbound, &external(&["A"]), &external(&["A", "B"])).is_err());
}

#[test]
fn alternatives_that_may_hold_together_prove_nothing() {
    let old = json!({ "type": "integer", "minimum": 1 });
    let new = json!({ "oneOf": [{ "type": "integer", "minimum": 0 }, { "type": "number", "maximum": 5 }] });
    assert!(compatible(Direction::Inbound, &old, &new).is_err());
    assert_eq!(
        compatible(Direction::Inbound, &old, &json!({ "anyOf": new["oneOf"] })),
        Ok(())
    );
}

#[test]
fn recursive_types_are_compared_to_the_end() {
    let tree = |value: Value| {
        json!({ "type": "object", "required": ["value"], "properties": {
            "value": value, "children": { "type": "array", "items": { "$ref": "#" } } } })
    };
    let (narrow, wide) = (tree(json!({ "type": "integer" })), tree(json!({ "type": "number" })));
    judged(narrow, wide, Ok(()), Err("/value: may now be `number`"));
}

#[test]
fn a_type_that_grows_with_each_level_is_compared_to_the_end() {
    let growing = |limit: u64| {
        let all = |parts: &[&str]| json!({ "a": { "allOf": parts.iter().map(|part| json!({ "$ref": part })).collect::<Vec<_>>() } });
        let (a, b) = ("#/$defs/A", "#/$defs/B");
        json!({
            "type": "object", "properties": all(&[a, b]),
            "$defs": {
                "A": { "type": "object", "properties": all(&[a, b]) },
                "B": { "type": "object", "properties": all(&[a, a]), "maxProperties": limit },
            },
        })
    };
    assert_eq!(compatible(Direction::Inbound, &growing(0), &growing(1)), Ok(()));
    assert!(compatible(Direction::Outbound, &growing(0), &growing(1)).is_err());
}

#[test]
fn the_comparison_gives_up_below_the_maximum_depth() {
    let deep = |least: u64| {
        (0..200).fold(
            json!({ "type": "integer", "minimum": least }),
            |held, _| json!({ "type": "array", "items": held }),
        )
    };
    let verdict = compatible(Direction::Inbound, &deep(1), &deep(0));
    assert!(verdict.is_err_and(|gap| gap.why.contains("too complex")));
}

#[test]
fn an_unknown_keyword_is_breaking_unless_it_is_unchanged() {
    let old = json!({ "type": "integer" });
    let new = json!({ "type": "integer", "not": { "const": 3 } });
    judged(old, new.clone(), Err(": `not` cannot be compared"), Ok(()));
    judged(new.clone(), new, Ok(()), Ok(()));
}

#[test]
fn reports_the_place_of_a_change() {
    let with = |kind: &str| {
        object(
            &["list"],
            json!({ "list": { "type": "array", "items": object(&["a/b"], json!({ "a/b": { "type": kind } })) } }),
        )
    };
    judged(
        with("string"),
        with("boolean"),
        Err("/list/*/a~1b: `string` is no longer accepted"),
        Err("/list/*/a~1b: may now be `false`"),
    );
}

#[test]
fn a_definition_may_have_any_name() {
    let schema = |name: &str, reference: &str| {
        json!({ "type": "object", "required": ["a"], "properties": { "a": { "$ref": reference } },
                "$defs": { name: { "anyOf": [{ "type": "null" }, { "enum": ["x"] }] } } })
    };
    for (name, reference) in [
        ("a/b", "#/$defs/a~1b"),
        ("a%20b", "#/$defs/a%2520b"),
        ("ä~", "#/$defs/%C3%A4~0"),
    ] {
        let old = object(&["a"], json!({ "a": { "type": "null" } }));
        judged(old, schema(name, reference), Ok(()), Err("/a: may now be `\"x\"`"));
    }
}

/// Types of every form that serde derives.
mod forms {
    use std::collections::{BTreeMap, BTreeSet, HashMap};

    use crate::prelude::*;

    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    pub(super) struct Everything {
        integers: (u8, i64),
        real: f32,
        letter: char,
        nothing: (),
        triple: [u16; 3],
        set: BTreeSet<u8>,
        nested: Vec<Vec<Option<bool>>>,
        text_keys: HashMap<String, Author>,
        number_keys: BTreeMap<u16, String>,
        kind_keys: BTreeMap<Kind, u8>,
        described: Described,
        external: External,
        internal: Internal,
        adjacent: Adjacent,
        untagged: Untagged,
        tree: Tree,
        flattened: Flattened,
        strict: Strict,
        any: serde_json::Value,
        object: serde_json::Map<String, serde_json::Value>,
        result: Result<u8, String>,
        duration: std::time::Duration,
        maybe: Option<Author>,
        #[serde(default)]
        by_default: u8,
        #[schemars(email)]
        email: String,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Author {
        #[schemars(length(min = 1), regex(pattern = "^[a-z]+$"))]
        name: String,
        #[serde(default)]
        tags: Vec<String>,
    }

    #[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    pub(super) enum Kind {
        First,
        Second,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Described {
        /// One.
        One,
        /// Two.
        Two,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum External {
        Unit,
        Newtype(u8),
        Struct { a: u8, b: Option<u8> },
        Tuple(u8, i8),
        Nested(Author),
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "type")]
    pub(super) enum Internal {
        Unit,
        Struct { a: u8 },
        Newtype(Author),
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "t", content = "c")]
    pub(super) enum Adjacent {
        Unit,
        Newtype(u8),
        Struct { a: u8 },
        Tuple(u8, u8),
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(untagged)]
    pub(super) enum Untagged {
        Int(i64),
        Text(String),
        Pair(u8, bool),
        Struct { a: u8 },
        Map(BTreeMap<String, u8>),
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Tree {
        value: u8,
        children: Vec<Tree>,
        left: Option<Box<Tree>>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Flattened {
        own: u8,
        #[serde(flatten)]
        author: Author,
        #[serde(flatten)]
        choice: Choice,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Choice {
        Number(u8),
        Pair { a: u8, b: Option<u8> },
    }

    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    pub(super) struct Strict {
        a: u8,
        b: String,
    }
}

/// The schema with a remark in every subschema, so that no two parts have the same text.
fn remarked(schema: &Value) -> Value {
    let mut remarked = schema.clone();
    for at in walk::pointers(schema) {
        if let Some(Value::Object(keywords)) = remarked.pointer_mut(&at) {
            keywords.insert("$comment".to_owned(), json!("remarked"));
        }
    }
    remarked
}

#[test]
fn understands_every_form_that_serde_derives() {
    let everything = EventSnapshot::of(forms::Everything::definition());
    for (direction, old) in [
        (Direction::Inbound, everything.inbound()),
        (Direction::Outbound, everything.outbound()),
    ] {
        let mut new = remarked(old);
        assert_eq!(compatible(direction, old, &new), Ok(()), "{direction:?}: {old:#}");
        new["properties"]["one_more"] = json!({ "type": "string" });
        assert_eq!(
            compatible(direction, old, &new),
            Ok(()),
            "{direction:?}, with one more property"
        );
    }
}
