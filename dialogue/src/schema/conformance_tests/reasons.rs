//! The reasons that the sender of a refused payload receives.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::shapes::*;
use super::{Published, ill_fitting, key};
use crate::schema::decode;
use crate::schema::explain;
use crate::schema::subschemas::SubschemaValidators;
use crate::schema::validator::EventSchema;

fn of(schema: Value, data: Value) -> Vec<(String, String, String)> {
    let violations = EventSchema::compile(schema).unwrap().check(&data).unwrap_err();
    violations
        .into_iter()
        .map(|violation| (violation.path, violation.rule, violation.message))
        .collect()
}

#[test]
fn a_violation_does_not_repeat_long_input() {
    let long = "x".repeat(64 * 1024);
    let schema = json!({ "type": "integer" });
    for data in [json!(long), json!([long]), json!({ "a": long })] {
        let (path, _, message) = &of(schema.clone(), data)[0];
        assert!(
            path.len() <= 512 && message.len() <= 512,
            "{} {}",
            path.len(),
            message.len()
        );
    }
    let closed = json!({ "additionalProperties": false });
    assert!(of(closed, json!({ &long: 1 }))[0].2.len() <= 512);
    let (path, ..) = &of(
        json!({ "additionalProperties": { "type": "null" } }),
        json!({ &long: 1 }),
    )[0];
    assert!(path.len() <= 512 && path.ends_with('…'));
}

#[test]
fn a_violation_does_not_repeat_the_value() {
    for (schema, data) in [
        (json!({ "type": "integer" }), json!("hush")),
        (json!({ "maxLength": 1 }), json!("hush")),
        (json!({ "pattern": "^[0-9]" }), json!("hush")),
        (json!({ "enum": [1, 2] }), json!("hush")),
    ] {
        let message = &of(schema, data)[0].2;
        assert!(!message.contains("hush"), "{message}");
    }
}

#[test]
fn a_list_of_violations_ends_at_twenty() {
    assert_eq!(
        of(json!({ "items": { "type": "null" } }), json!(vec![1; 1000])).len(),
        20
    );
}

#[test]
fn every_refusal_of_json_has_reasons() {
    let published = Published::of::<Enums>();
    proptest!(|(data in json_value())| {
        if let Err(violations) = published.enforced.check(&data) {
            prop_assert!(!violations.is_empty() && violations.len() <= 20);
        }
        let _ = decode::reshape::<Enums>(data.clone());
    });
}

fn json_value() -> impl Strategy<Value = Value> {
    ill_fitting().prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((key(), inner), 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Collecting the errors of all variants, inside of all variants, at each level, would not end.
#[test]
fn reports_the_place_of_nested_data_at_any_depth() {
    let published = Published::of::<Node>();
    let nested =
        |depth: usize, leaf: Value| (0..depth).fold(leaf, |inner, _| json!({ "type": "Bold", "children": [inner] }));
    published.accepts(nested(60, json!({ "type": "Text", "text": "a" })));
    for (leaf, rest, rule) in [
        (json!({ "type": "Text", "text": 1 }), "/text", "type"),
        (json!({ "type": "Text" }), "", "required"),
        (json!({ "type": "Underline" }), "/type", "const"),
        (
            json!({ "type": "Link", "children": [7], "href": "" }),
            "/children/0",
            "oneOf",
        ),
        (
            json!({ "type": "Table", "cells": { "a/b": { "type": "Text", "text": null } } }),
            "/cells/a~1b/text",
            "type",
        ),
    ] {
        let violations = published.enforced.check(&nested(30, leaf.clone())).unwrap_err();
        assert_eq!(violations.len(), 1, "{violations:?}");
        let place = format!("{}{rest}", "/children/0".repeat(30));
        assert_eq!(
            (violations[0].path.as_str(), violations[0].rule.as_str()),
            (place.as_str(), rule),
            "{leaf}"
        );
        let violations = published.enforced.check(&nested(60, leaf)).unwrap_err();
        assert!(violations[0].path.ends_with('…'), "{violations:?}");
    }
}

#[test]
fn refuses_data_nested_in_a_union_without_tags_at_any_depth() {
    let schema = json!({ "anyOf": [
        { "type": "object", "required": ["a", "b"], "properties": { "a": { "$ref": "#" }, "b": true } },
        { "type": "object", "required": ["a"], "properties": { "a": { "$ref": "#" } } },
        { "type": "integer" },
    ] });
    let data = (0..100).fold(json!("x"), |inner, _| json!({ "a": inner }));
    let told = of(schema, data);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].0.as_str(), told[0].1.as_str()),
        ("/a".repeat(100).as_str(), "anyOf")
    );
}

#[test]
fn violations_of_deep_data_are_among_those_of_the_validator() {
    fn law<E: crate::schema::EventData>() {
        let published = Published::of::<E>();
        let subschemas = SubschemaValidators::of_recursive(&published.inbound).unwrap();
        let valid: Vec<Value> = super::samples(&published.inbound)
            .into_iter()
            .filter(|data| published.inbound_validator.is_valid(data))
            .collect();
        let near = (
            prop::sample::select(valid),
            prop::collection::vec(super::change(), 1..4),
        );
        proptest!(|((mut data, changes) in near)| {
            changes.iter().for_each(|(at, change)| super::apply(&mut data, at, change));
            if let Err(violations) = published.enforced.check(&data) {
                for told in explain::violations(&subschemas, &published.inbound, &data) {
                    prop_assert!(violations.contains(&told), "{told:?} of {data} beside {violations:?}");
                }
            }
        });
    }
    law::<Node>();
    law::<Expression>();
    law::<Recursive>();
}
