//! The laws of the canonical form, checked with random schemas: it does not see what is invisible on the wire, and it sees
//! everything else.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::canonical;
use crate::contract::random_schemas::{Dice, Maker, document, mutated};
use crate::schema::EventSchema;
use crate::schema::publish::rewrite;
use crate::schema::walk::{self, Edge};

/// Whether a schema refers to itself with nothing in between. No type has such a schema.
fn is_endless(schema: &Value) -> bool {
    walk::cycle(schema, |edge| matches!(edge, Edge::Same | Edge::All)).is_some()
}

/// A copy of a schema with one change that nobody can see.
fn disguised(dice: &mut Dice, schema: &Value) -> Value {
    let mut changed = schema.clone();
    let places: Vec<String> = walk::pointers(schema)
        .into_iter()
        .filter(|at| !at.is_empty() && walk::definition(at).is_none())
        .collect();
    if places.is_empty() {
        return changed;
    }
    let place = dice.pick(&places).clone();
    let roll = dice.roll(8);
    if roll == 0 {
        // Extract the part.
        let part = std::mem::replace(changed.pointer_mut(&place).unwrap(), json!({ "$ref": "#/$defs/New" }));
        let name = format!("New {}/{}", schema["$defs"].as_object().unwrap().len(), dice.roll(9));
        changed["$defs"][&name] = part;
        changed.pointer_mut(&place).unwrap()["$ref"] = walk::reference_to(&name).into();
        return changed;
    }
    if roll == 1 {
        return rewrite(&changed, &mut |schema| shuffled(dice, schema));
    }
    if roll == 2 {
        // Rename a definition.
        let target = "#/$defs/D";
        let definition = changed["$defs"].as_object_mut().unwrap().remove("D");
        if let Some(definition) = definition {
            changed["$defs"]["Other"] = definition;
        }
        return rewrite(&changed, &mut |mut schema| {
            if schema.get("$ref").is_some_and(|reference| reference == target) {
                schema["$ref"] = "#/$defs/Other".into();
            }
            schema
        });
    }
    let target = walk::reference_of(schema, &place).filter(|_| roll == 3);
    if let Some(target) = target {
        // Write out the target of a reference.
        let copy = schema.pointer(&target).unwrap().clone();
        *changed.pointer_mut(&place).unwrap() = copy;
        return changed;
    }
    let part = changed.pointer_mut(&place).unwrap();
    let whole = part.take();
    *part = match (whole, roll) {
        (Value::Bool(true), _) => json!({ "title": "Anything" }),
        (whole, 4) => json!({ "allOf": [whole] }),
        (whole, 5) => json!({ "anyOf": [whole], "description": "Only one." }),
        (whole, 6) => json!({ "oneOf": [whole] }),
        (Value::Object(mut keywords), _) => {
            keywords.insert("description".to_owned(), "A remark.".into());
            if let Some(constant) = keywords.remove("const") {
                keywords.insert("enum".to_owned(), json!([constant]));
            }
            if let Some(Value::String(kind)) = keywords.get("type") {
                let list = json!([kind]);
                keywords.insert("type".to_owned(), list);
            }
            keywords.into()
        }
        (whole, _) => whole,
    };
    changed
}

/// A schema whose lists are in another order.
fn shuffled(dice: &mut Dice, mut schema: Value) -> Value {
    for keyword in ["required", "enum", "anyOf", "oneOf", "allOf", "type"] {
        if let Some(Value::Array(list)) = schema.get_mut(keyword) {
            for at in (1..list.len()).rev() {
                list.swap(at, dice.roll(at + 1));
            }
        }
    }
    schema
}

fn config(cases: u32) -> Config {
    Config {
        failure_persistence: None,
        ..Config::with_cases(cases)
    }
}

#[test]
fn an_invisible_change_leaves_the_form_as_it_is() {
    let law = |seed: u64| {
        let dice = &mut Dice(seed | 1);
        let old = document(dice);
        if is_endless(&old) {
            return Ok(());
        }
        let form = canonical(&old);
        let mut new = old.clone();
        for _ in 0..4 {
            new = disguised(dice, &new);
            prop_assert_eq!(&canonical(&new), &form, "{} to {}", old, new);
        }
        prop_assert_eq!(&canonical(&form), &form, "the form of {} has another form", old);
        Ok(())
    };
    TestRunner::new(config(1000)).run(&any::<u64>(), law).unwrap();
}

#[test]
fn schemas_with_the_same_form_accept_the_same_data() {
    let (equal, tried) = (Cell::new(0), Cell::new(0));
    let law = |seed: u64| {
        let dice = &mut Dice(seed | 1);
        let old = document(dice);
        let new = mutated(dice, &old);
        let is_valid = |schema: &Value| !is_endless(schema) && EventSchema::compile(schema.clone()).is_ok();
        if !is_valid(&old) || !is_valid(&new) {
            return Ok(());
        }
        let form = canonical(&old);
        let pairs = [(new.clone(), canonical(&new) == form), (form, true)];
        for (other, is_same) in pairs {
            let (Ok(mine), Ok(theirs)) = (EventSchema::compile(old.clone()), EventSchema::compile(other.clone()))
            else {
                continue;
            };
            if !is_same {
                continue;
            }
            equal.set(equal.get() + 1);
            // The form has references that makers of data do not know.
            for said in [&old, &new] {
                let maker = Maker::of(said);
                for _ in 0..20 {
                    let Some(data) = maker.make(dice) else {
                        continue;
                    };
                    tried.set(tried.get() + 1);
                    let verdicts = [&mine, &theirs].map(|schema| schema.check(&data).is_ok());
                    prop_assert_eq!(verdicts[0], verdicts[1], "{} by {} and {}", data, old, other);
                }
            }
        }
        Ok(())
    };
    TestRunner::new(config(500)).run(&any::<u64>(), law).unwrap();
    assert!(equal.get() > 300 && tried.get() > 5000, "{equal:?} {tried:?}");
}

#[test]
fn a_part_that_occurs_often_is_written_once() {
    let mut definitions = serde_json::Map::new();
    for number in 0..60 {
        let next = json!({ "$ref": format!("#/$defs/T{}", number + 1) });
        let part =
            json!({ "type": "object", "properties": { "a": next, "b": { "anyOf": [next, { "type": "null" }] } } });
        definitions.insert(format!("T{number}"), part);
    }
    definitions.insert("T60".to_owned(), json!({ "type": "string" }));
    let schema = json!({ "$ref": "#/$defs/T0", "$defs": definitions });
    let form = canonical(&schema).to_string();
    assert!(form.len() < schema.to_string().len(), "{form}");
}

#[test]
fn ways_to_say_the_same_have_one_form() {
    for same in [
        vec![
            json!({ "type": ["string", "null"], "maxLength": 3 }),
            json!({ "anyOf": [{ "type": "null" }, { "type": "string", "maxLength": 3 }] }),
            json!({ "anyOf": [{ "type": "string" }, { "const": null }], "maxLength": 3 }),
            json!({ "type": ["null", "string"], "maxLength": 3, "minimum": 1, "title": "Text" }),
        ],
        vec![
            json!({ "enum": ["a", "b", null] }),
            json!({ "oneOf": [{ "const": "b", "description": "B." }, { "const": "a" }, { "type": "null" }] }),
            json!({ "anyOf": [{ "type": "string", "enum": ["a", "b"] }, { "type": "null" }] }),
            json!({ "type": ["string", "null"], "enum": ["b", "a", null, 7] }),
        ],
        vec![
            json!({ "type": "array", "items": { "type": "null" }, "minItems": 2, "maxItems": 2 }),
            json!({ "type": "array", "prefixItems": [{ "const": null }, { "const": null }], "items": false, "minItems": 2 }),
        ],
        vec![
            json!({ "type": "integer", "minimum": 1 }),
            json!({ "type": "integer", "exclusiveMinimum": 0.0 }),
        ],
        vec![
            json!(true),
            json!({}),
            json!({ "anyOf": [true, { "type": "null" }] }),
            json!({ "allOf": [{}] }),
        ],
        vec![
            json!(false),
            json!({ "not": {} }),
            json!({ "enum": ["a"], "type": "null" }),
        ],
        vec![
            json!({ "type": "array", "maxItems": 0 }),
            json!({ "type": "array", "items": { "$ref": "#/$defs/Never" }, "$defs": { "Never": false } }),
        ],
        vec![
            json!({ "patternProperties": { "^a": {} }, "additionalProperties": false }),
            json!({ "patternProperties": { "^a": {} }, "additionalProperties": { "$ref": "#/$defs/Never" }, "$defs": { "Never": false } }),
        ],
        vec![
            json!({ "allOf": [{ "$ref": "#/$defs/A" }, { "required": ["a"] }], "$defs": { "A": { "properties": { "a": {} } } } }),
            json!({ "properties": { "a": true }, "required": ["a", "a"] }),
        ],
    ] {
        for other in &same[1..] {
            assert_eq!(canonical(&same[0]), canonical(other), "{} and {other}", same[0]);
        }
    }
}
