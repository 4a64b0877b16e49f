//! Random schemas, changes to them, and data that satisfies them, for the property tests of the contract.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use serde_json::{Value, json};

use crate::schema::{EventSchema, walk};

/// Random numbers. The same seed gives the same numbers.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        // The algorithm is xorshift64*.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides
    }

    pub(super) fn chance(&mut self, of: usize) -> bool {
        self.roll(of) == 0
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
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
    let mut object = json!({ "type": "object", "required": [], "properties": {} });
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

/// A copy of a schema with one change.
pub(super) fn mutated(dice: &mut Dice, schema: &Value) -> Value {
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

/// Makes values that may satisfy a schema, with only the properties that the schema declares.
pub(super) struct Maker<'s> {
    root: &'s Value,
    validators: RefCell<HashMap<String, EventSchema>>,
    /// Whether the last value isn't the intended one, because it does not satisfy an alternative that was chosen. The
    /// value may still be valid by another alternative, which does not declare its properties.
    missed: Cell<bool>,
}

impl<'s> Maker<'s> {
    pub(super) fn of(root: &'s Value) -> Self {
        Self {
            root,
            validators: RefCell::default(),
            missed: Cell::new(false),
        }
    }

    pub(super) fn make(&self, dice: &mut Dice) -> Option<Value> {
        self.missed.set(false);
        let made = self.instance(dice, self.root, 6);
        (!self.missed.get()).then_some(made)
    }

    /// Whether a value satisfies a part of the schema.
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

    /// Joins two parts, if they do not contradict each other.
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

pub(super) fn document(dice: &mut Dice) -> Value {
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
