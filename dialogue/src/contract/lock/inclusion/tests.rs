//! What is called additive is: by example, and on schemas and changes at random.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::{Gap, Way, compatible};
use crate::event::{DialogueEvent, EventSchema, walk};

fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

/// Says what becomes of clients that send, and of clients that hear.
#[track_caller]
fn judged(old: Value, new: Value, sent: Result<(), &str>, heard: Result<(), &str>) {
    for (way, expected) in [(Way::Inbound, sent), (Way::Outbound, heard)] {
        let verdict = compatible(way, &old, &new).map_err(|Gap { at, why, .. }| format!("{at}: {why}"));
        assert_eq!(
            verdict.as_ref().map_err(String::as_str).copied(),
            expected,
            "{way:?}: {old} to {new}"
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
    for (narrow, wide, sent, heard) in [
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
        judged(narrow.clone(), wide.clone(), Ok(()), Err(heard));
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
        compatible(Way::Inbound, &external(&["A"]), &external(&["A", "B"])),
        Ok(())
    );
    assert!(compatible(Way::Outbound, &external(&["A"]), &external(&["A", "B"])).is_err());
}

#[test]
fn alternatives_that_may_hold_together_prove_nothing() {
    let old = json!({ "type": "integer", "minimum": 1 });
    let new = json!({ "oneOf": [{ "type": "integer", "minimum": 0 }, { "type": "number", "maximum": 5 }] });
    assert!(compatible(Way::Inbound, &old, &new).is_err());
    assert_eq!(
        compatible(Way::Inbound, &old, &json!({ "anyOf": new["oneOf"] })),
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
    for (way, schema) in [
        (Way::Inbound, everything.inbound_schema()),
        (Way::Outbound, everything.outbound_schema()),
    ] {
        let old = schema.unwrap();
        let mut new = remarked(old);
        assert_eq!(compatible(way, old, &new), Ok(()), "{way:?}: {old:#}");
        new["properties"]["one_more"] = json!({ "type": "string" });
        assert_eq!(compatible(way, old, &new), Ok(()), "{way:?}, with one more property");
    }
}

/// Random numbers that a seed repeats.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // xorshift64*.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides
    }

    fn chance(&mut self, of: usize) -> bool {
        self.roll(of) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }
}

const NAMES: [&str; 4] = ["a", "b", "c", "1"];

fn leaf(dice: &mut Dice) -> Value {
    let low = dice.roll(4) as i64 - 2;
    match dice.roll(12) {
        0 => json!({ "type": "integer", "minimum": low, "maximum": low + dice.roll(4) as i64 }),
        1 => json!({ "type": "number", "exclusiveMinimum": low }),
        2 => json!({ "type": "integer", "multipleOf": 1 + dice.roll(3) }),
        3 => json!({ "type": "string", "minLength": dice.roll(2), "maxLength": 1 + dice.roll(3) }),
        4 => json!({ "type": "string", "pattern": dice.pick(&["^a", "b$"]) }),
        5 => json!({ "enum": [dice.pick(&NAMES), dice.pick(&NAMES), 1] }),
        6 => json!({ "const": dice.pick(&NAMES) }),
        7 => json!({ "type": dice.pick(&["null", "boolean", "string", "integer", "number"]) }),
        8 => json!({ "type": ["string", dice.pick(&["null", "integer", "number"])] }),
        9 => json!({ "$ref": dice.pick(&["#/$defs/D", "#/$defs/E"]) }),
        10 => json!({ "type": "string", "format": dice.pick(&["email", "date", "uint8"]) }),
        _ => json!(!dice.chance(4)),
    }
}

fn any_schema(dice: &mut Dice, depth: usize) -> Value {
    if depth == 0 {
        return leaf(dice);
    }
    let alternatives =
        |dice: &mut Dice| -> Vec<Value> { (0..1 + dice.roll(3)).map(|_| any_schema(dice, depth - 1)).collect() };
    match dice.roll(11) {
        0..=2 => any_object(dice, depth),
        3 => {
            json!({ "type": "array", "items": any_schema(dice, depth - 1), "minItems": dice.roll(2), "maxItems": 1 + dice.roll(3), "uniqueItems": dice.chance(2) })
        }
        4 => {
            json!({ "type": "array", "prefixItems": alternatives(dice), "minItems": dice.roll(3), "items": any_schema(dice, depth - 1) })
        }
        5 => json!({ "anyOf": alternatives(dice) }),
        6 => json!({ "oneOf": alternatives(dice) }),
        7 => {
            let tagged: Vec<_> = ["A", "B", "C"][..1 + dice.roll(3)]
                .iter()
                .map(|tag| {
                    let mut variant = any_object(dice, depth);
                    variant["properties"]["t"] = json!({ "const": tag });
                    variant["required"].as_array_mut().unwrap().push(json!("t"));
                    variant
                })
                .collect();
            json!({ "oneOf": tagged })
        }
        8 => json!({ "allOf": [any_object(dice, depth), any_object(dice, depth)] }),
        9 => {
            let mut flattened = any_object(dice, depth);
            flattened["anyOf"] = json!([any_object(dice, depth), any_object(dice, depth)]);
            flattened
        }
        _ => leaf(dice),
    }
}

fn any_object(dice: &mut Dice, depth: usize) -> Value {
    let mut object = object(&[], json!({}));
    for name in NAMES {
        if dice.chance(2) {
            object["properties"][name] = any_schema(dice, depth - 1);
        }
        if dice.chance(4) {
            object["required"].as_array_mut().unwrap().push(json!(name));
        }
    }
    match dice.roll(6) {
        0 => object["additionalProperties"] = json!(false),
        1 => object["additionalProperties"] = any_schema(dice, depth - 1),
        2 => object["patternProperties"] = json!({ *dice.pick(&["^[0-9]+$", "^a"]): any_schema(dice, depth - 1) }),
        3 => object["propertyNames"] = json!({ "enum": [dice.pick(&NAMES), dice.pick(&NAMES), "t"] }),
        4 => object["maxProperties"] = json!(1 + dice.roll(4)),
        _ => {}
    }
    object
}

/// A schema with one thing changed somewhere.
fn mutated(dice: &mut Dice, schema: &Value) -> Value {
    let mut changed = schema.clone();
    let places = walk::pointers(schema);
    let place = dice.pick(&places).clone();
    let at = changed.pointer_mut(&place).unwrap();
    let Value::Object(keywords) = at else {
        *at = leaf(dice);
        return changed;
    };
    let names: Vec<String> = keywords.keys().filter(|name| *name != "$defs").cloned().collect();
    if names.is_empty() || dice.chance(6) {
        if !place.is_empty() {
            *at = leaf(dice);
        }
        return changed;
    }
    let keyword = dice.pick(&names).clone();
    match (keyword.as_str(), keywords.get_mut(&keyword).unwrap()) {
        (_, Value::Number(number)) => {
            let moved = number.as_f64().unwrap() as i64 + dice.roll(3) as i64 - 1;
            keywords.insert(keyword, json!(moved.max(i64::from(!dice.chance(2)))));
        }
        ("required", Value::Array(required)) => {
            let name = dice.pick(&NAMES);
            if required.iter().any(|other| other == name) {
                required.retain(|other| other != name);
            } else {
                required.push(json!(name));
            }
        }
        ("enum", Value::Array(values)) => values.push(json!(dice.pick(&["a", "z"]))),
        ("anyOf" | "oneOf", Value::Array(alternatives)) => {
            if alternatives.len() > 1 && dice.chance(2) {
                alternatives.pop();
            } else {
                alternatives.push(leaf(dice));
            }
        }
        ("properties", Value::Object(properties)) => {
            let name = dice.pick(&NAMES);
            properties.insert((*name).to_owned(), leaf(dice));
        }
        _ => drop(keywords.remove(&keyword)),
    }
    changed
}

/// Makes what may satisfy a schema, with no properties but those that it declares.
struct Maker<'s> {
    root: &'s Value,
    validators: RefCell<HashMap<String, EventSchema>>,
    /// Whether what was made last is not what was meant: an alternative that was chosen does not hold. It may be valid all
    /// the same by another, to which its properties are undeclared.
    missed: Cell<bool>,
}

impl<'s> Maker<'s> {
    fn of(root: &'s Value) -> Self {
        Self {
            root,
            validators: RefCell::default(),
            missed: Cell::new(false),
        }
    }

    fn make(&self, dice: &mut Dice) -> Option<Value> {
        self.missed.set(false);
        let made = self.instance(dice, self.root, 6);
        (!self.missed.get()).then_some(made)
    }

    /// Whether it satisfies a part of the schema.
    fn satisfies(&self, data: &Value, part: &Value) -> bool {
        let mut validators = self.validators.borrow_mut();
        let validator = validators
            .entry(part.to_string())
            .or_insert_with(|| EventSchema::compile(json!({ "allOf": [part], "$defs": self.root["$defs"] })).unwrap());
        validator.check(data).is_ok()
    }

    fn instance(&self, dice: &mut Dice, schema: &Value, depth: usize) -> Value {
        let root = self.root;
        let Value::Object(keywords) = schema else {
            return dice
                .pick(&[json!(null), json!(1), json!("a"), json!({}), json!([])])
                .clone();
        };
        if depth == 0 {
            return json!(null);
        }
        if let Some(constant) = keywords.get("const") {
            return constant.clone();
        }
        if let Some(Value::Array(values)) = keywords.get("enum") {
            return dice.pick(values).clone();
        }
        let mut parts = Vec::new();
        if let Some(target) = walk::reference(schema) {
            parts.push(self.instance(dice, root.pointer(&target).unwrap(), depth - 1));
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(list)) = keywords.get(keyword) {
                let one = dice.pick(list).clone();
                let part = self.instance(dice, &one, depth - 1);
                if !self.satisfies(&part, &one) {
                    self.missed.set(true);
                }
                parts.push(part);
            }
        }
        for one in keywords.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            parts.push(self.instance(dice, one, depth - 1));
        }
        let kinds: Vec<&str> = match keywords.get("type") {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ if !parts.is_empty() => vec![],
            _ => vec!["null", "integer", "string", "object"],
        };
        if !kinds.is_empty() {
            parts.push(match *dice.pick(&kinds) {
                "null" => json!(null),
                "boolean" => json!(dice.chance(2)),
                "integer" => json!(dice.roll(12) as i64 - 5),
                "number" => json!((dice.roll(24) as f64 - 10.0) / 2.0),
                "string" => dice
                    .pick(&[
                        json!(""),
                        json!("a"),
                        json!("ab"),
                        json!("b"),
                        json!("1"),
                        json!("aab"),
                        json!("a@b.cd"),
                        json!("2024-01-01"),
                        json!("t"),
                    ])
                    .clone(),
                "array" => {
                    let listed: &[Value] = keywords
                        .get("prefixItems")
                        .and_then(Value::as_array)
                        .map_or(&[], Vec::as_slice);
                    let any = json!(true);
                    let items = keywords.get("items").unwrap_or(&any);
                    (0..dice.roll(4))
                        .map(|at| self.instance(dice, listed.get(at).unwrap_or(items), depth - 1))
                        .collect()
                }
                _ => {
                    let mut object = serde_json::Map::new();
                    for (name, property) in keywords
                        .get("properties")
                        .and_then(Value::as_object)
                        .into_iter()
                        .flatten()
                    {
                        if !dice.chance(3) {
                            object.insert(name.clone(), self.instance(dice, property, depth - 1));
                        }
                    }
                    for name in keywords.get("required").and_then(Value::as_array).into_iter().flatten() {
                        let name = name.as_str().unwrap();
                        let any = json!(dice.roll(3));
                        object.entry(name).or_insert(any);
                    }
                    let undeclared = ["additionalProperties", "patternProperties"];
                    for rest in undeclared.iter().filter_map(|keyword| keywords.get(*keyword)) {
                        let (rest, names) = match (rest.get("^a"), rest.get("^[0-9]+$")) {
                            (Some(rest), _) => (rest, ["a", "ab", "aab"]),
                            (_, Some(rest)) => (rest, ["1", "7", "12"]),
                            _ => (rest, ["a", "1", "z"]),
                        };
                        for name in names {
                            if dice.chance(3) && !object.contains_key(name) {
                                object.insert(name.to_owned(), self.instance(dice, rest, depth - 1));
                            }
                        }
                    }
                    Value::Object(object)
                }
            });
        }
        parts
            .into_iter()
            .reduce(|one, other| self.together(one, other))
            .unwrap()
    }

    /// Two parts in one, if they do not contradict each other.
    fn together(&self, one: Value, other: Value) -> Value {
        match (one, other) {
            (Value::Object(mut one), Value::Object(other)) => {
                for (name, value) in other {
                    if one.get(&name).is_some_and(|own| *own != value) {
                        self.missed.set(true);
                    }
                    one.insert(name, value);
                }
                Value::Object(one)
            }
            (one, other) => {
                if one != other {
                    self.missed.set(true);
                }
                one
            }
        }
    }
}

fn document(dice: &mut Dice) -> Value {
    let mut root = any_schema(dice, 2);
    if !root.is_object() {
        root = json!({ "type": "null" });
    }
    let recursive =
        json!({ "type": "object", "required": [], "properties": { "a": { "$ref": "#/$defs/E" }, "b": leaf(dice) } });
    root["$defs"] = json!({ "D": any_schema(dice, 1), "E": recursive });
    if root["$defs"]["D"].get("$ref").is_some() {
        root["$defs"]["D"] = json!(true);
    }
    root
}

#[test]
fn what_was_said_is_accepted_and_what_is_heard_was_possible_after_an_additive_change() {
    let (additive, breaking, tried) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(500)
    };
    let law = |seed: u64| {
        let dice = &mut Dice(seed | 1);
        let old = document(dice);
        let mut new = old.clone();
        for _ in 0..1 + dice.roll(2) {
            new = mutated(dice, &new);
        }
        let (Ok(old_validator), Ok(new_validator)) =
            (EventSchema::compile(old.clone()), EventSchema::compile(new.clone()))
        else {
            return Ok(());
        };
        for way in [Way::Inbound, Way::Outbound] {
            if compatible(way, &old, &new).is_err() {
                breaking.set(breaking.get() + 1);
                continue;
            }
            let (said, of, by) = match way {
                Way::Inbound => (&old, &old_validator, &new_validator),
                Way::Outbound => (&new, &new_validator, &old_validator),
            };
            additive.set(additive.get() + usize::from(old != new));
            let maker = Maker::of(said);
            for _ in 0..40 {
                let Some(data) = maker.make(dice).filter(|data| of.check(data).is_ok()) else {
                    continue;
                };
                tried.set(tried.get() + 1);
                prop_assert!(by.check(&data).is_ok(), "{way:?}: {data} from {old} to {new}");
            }
        }
        Ok(())
    };
    TestRunner::new(config).run(&any::<u64>(), law).unwrap();
    assert!(
        additive.get() > 50 && breaking.get() > 50 && tried.get() > 1000,
        "the law was put to the test: {additive:?} {breaking:?} {tried:?}"
    );
}
