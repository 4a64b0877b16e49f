//! What is additive and what is breaking, by example.

use serde_json::{Value, json};

use super::{Mismatch, compatible};
use crate::contract::direction::Direction;
use crate::event::DialogueEvent;
use crate::schema::walk;

fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

/// Says what becomes of clients that send, and of clients that hear.
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
fn a_new_optional_property_is_additive_and_a_required_one_is_not_for_those_who_send() {
    let old = object(&["a"], json!({ "a": { "type": "string" } }));
    let both = json!({ "a": { "type": "string" }, "b": { "type": "integer" } });
    judged(old.clone(), object(&["a"], both.clone()), Ok(()), Ok(()));
    judged(old, object(&["a", "b"], both), Err("/b: is required now"), Ok(()));
}

#[test]
fn a_property_that_is_gone_breaks_whoever_knew_it() {
    let old = object(&["a"], json!({ "a": { "type": "string" }, "b": { "type": "integer" } }));
    judged(
        old,
        object(&["a"], json!({ "a": { "type": "string" } })),
        Err("/b: is not read any more"),
        Err("/b: is not sent any more"),
    );
}

#[test]
fn a_map_that_is_gone_breaks_whoever_had_entries_in_it() {
    let mut with_map = object(&["a"], json!({ "a": { "type": "string" } }));
    let without = with_map.clone();
    with_map["additionalProperties"] = json!({ "type": "integer" });
    judged(
        with_map.clone(),
        without.clone(),
        Err("/*: is not read any more"),
        Err("/*: is not sent any more"),
    );
    judged(without, with_map, Ok(()), Ok(()));
}

#[test]
fn a_variant_is_told_by_its_tag_and_not_by_what_others_have() {
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
    judged(tagged(&few), tagged(&many), Ok(()), Err("/t: may be `\"c\"` now"));
    judged(
        tagged(&many),
        tagged(&few),
        Err("/t: `\"c\"` is not accepted any more"),
        Ok(()),
    );
    judged(external(&few), external(&many), Ok(()), Err("/c: may be `integer` now"));
    judged(
        external(&many),
        external(&few),
        Err("/c: `integer` is not accepted any more"),
        Ok(()),
    );
}

#[test]
fn an_optional_property_that_is_required_now_breaks_who_sends_and_the_reverse_who_hears() {
    let property = json!({ "a": { "type": "string" } });
    judged(
        object(&[], property.clone()),
        object(&["a"], property.clone()),
        Err("/a: is required now"),
        Ok(()),
    );
    judged(
        object(&["a"], property.clone()),
        object(&[], property),
        Ok(()),
        Err("/a: may be absent now"),
    );
}

#[test]
fn limits_may_widen_for_who_sends_and_narrow_for_who_hears() {
    for (narrow, wide, sent, received) in [
        (
            json!({ "type": "string", "maxLength": 5 }),
            json!({ "type": "string", "maxLength": 9 }),
            ": may have only 5 characters now, was 9",
            ": may have 9 characters now, was 5",
        ),
        (
            json!({ "type": "integer", "minimum": 1 }),
            json!({ "type": "integer", "minimum": 0 }),
            ": the least is 1 now, was 0",
            ": the least is 0 now, was 1",
        ),
        (
            json!({ "type": "integer" }),
            json!({ "type": "number" }),
            ": `number` is not accepted any more",
            ": may be `number` now",
        ),
        (
            json!({ "type": "string", "enum": ["a"] }),
            json!({ "type": "string", "enum": ["a", "b"] }),
            ": `\"b\"` is not accepted any more",
            ": may be `\"b\"` now",
        ),
        (
            json!({ "type": "string" }),
            json!({ "type": ["string", "null"] }),
            ": `null` is not accepted any more",
            ": may be `null` now",
        ),
        (
            json!({ "type": "string", "format": "uuid" }),
            json!({ "type": "string" }),
            ": must be of the format \"uuid\" now",
            ": need not be of the format \"uuid\" any more",
        ),
        (
            json!({ "type": "array", "items": { "type": "integer" }, "uniqueItems": true }),
            json!({ "type": "array", "items": { "type": "integer" } }),
            ": items must be unique now",
            ": items may be repeated now",
        ),
        (
            json!({ "type": "object", "additionalProperties": { "type": "integer" } }),
            json!({ "type": "object", "additionalProperties": true }),
            "/*: `null` is not accepted any more",
            "/*: may be `null` now",
        ),
    ] {
        judged(narrow.clone(), wide.clone(), Ok(()), Err(received));
        judged(wide, narrow, Err(sent), Ok(()));
    }
}

#[test]
fn a_default_that_changes_breaks_those_who_leave_the_property_out() {
    let with = |default: Value| object(&[], json!({ "a": { "type": "integer", "default": default } }));
    judged(
        with(json!(1)),
        with(json!(2)),
        Err("/a: left out, it means 2 now, was 1"),
        Ok(()),
    );
    let required = object(&["a"], json!({ "a": { "type": "integer" } }));
    judged(required, with(json!(1)), Ok(()), Err("/a: may be absent now"));
}

#[test]
fn a_new_variant_of_a_tagged_enum_is_additive_for_who_sends_alone() {
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
        Err("/type: may be `\"C\"` now"),
    );
    judged(
        tagged(&["A", "B"]),
        tagged(&["A"]),
        Err("/type: `\"B\"` is not accepted any more"),
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
    judged(narrow, wide, Ok(()), Err("/value: may be `number` now"));
}

#[test]
fn a_type_that_is_more_of_itself_with_each_level_is_compared_to_the_end() {
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
fn a_type_that_is_another_at_each_level_is_given_up_below_the_deepest() {
    let deep = |least: u64| {
        (0..200).fold(
            json!({ "type": "integer", "minimum": least }),
            |held, _| json!({ "type": "array", "items": held }),
        )
    };
    let verdict = compatible(Direction::Inbound, &deep(1), &deep(0));
    assert!(verdict.is_err_and(|gap| gap.why.contains("too intricate")));
}

#[test]
fn what_is_not_understood_is_breaking_unless_it_is_the_same() {
    let old = json!({ "type": "integer" });
    let new = json!({ "type": "integer", "not": { "const": 3 } });
    judged(old, new.clone(), Err(": what `not` says cannot be compared"), Ok(()));
    judged(new.clone(), new, Ok(()), Ok(()));
}

#[test]
fn the_place_of_a_change_is_told() {
    let with = |kind: &str| {
        object(
            &["list"],
            json!({ "list": { "type": "array", "items": object(&["a/b"], json!({ "a/b": { "type": kind } })) } }),
        )
    };
    judged(
        with("string"),
        with("boolean"),
        Err("/list/*/a~1b: `string` is not accepted any more"),
        Err("/list/*/a~1b: may be `false` now"),
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
        judged(old, schema(name, reference), Ok(()), Err("/a: may be `\"x\"` now"));
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

/// The schema with a remark wherever there is room for one, so that no two parts are the same text.
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
fn every_form_that_serde_derives_is_understood() {
    let everything = forms::Everything::definition();
    for (direction, schema) in [
        (Direction::Inbound, everything.inbound_schema()),
        (Direction::Outbound, everything.outbound_schema()),
    ] {
        let old = schema.unwrap();
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
