//! Instances of a schema, and payloads that contain an instance at a given place.
//!
//! Samples are usually valid, but need not be. Check a sample with the validator before you use it.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::pattern;
use super::scalar::{numbers, strings};
use crate::schema::walk::{self, Edge};

/// How deeply an instance may be nested. Beyond it, the schema counts as having no instance. No type written by hand
/// is that deep: only schemas without a finite instance reach this limit.
const MAX_DEPTH: usize = 16;

/// How many nested references a full instance follows. This is enough to see a recursive type inside itself.
const FULL_REFERENCES: usize = 3;

/// How many references a full instance follows in total. Otherwise a type that contains itself in many fields would
/// have as many instances in each field, and so on.
const MOST_REFERENCES: usize = 16;

/// A schema that another contains directly: `to` is a subschema of `from`, or the target of its reference.
#[derive(Debug, Clone)]
pub(in crate::schema) struct SampleStep {
    pub(in crate::schema) from: String,
    edge: Edge,
    pub(in crate::schema) to: String,
}

/// Makes samples of one schema.
pub(in crate::schema) struct Sampler<'s> {
    root: &'s Value,
    steps: Vec<SampleStep>,
    /// The last step of a shortest path from the root to each place, by its index in `steps`.
    ways: HashMap<String, usize>,
    /// The smallest instances of schemas that contain others. Every sample of an inner schema needs one of them.
    holders: RefCell<HashMap<(String, bool), Option<Value>>>,
    /// How many more references the current full instance may follow.
    references_left: Cell<usize>,
}

impl<'s> Sampler<'s> {
    pub(in crate::schema) fn new(root: &'s Value) -> Self {
        let mut sampler = Self {
            root,
            steps: Vec::new(),
            ways: HashMap::new(),
            holders: RefCell::default(),
            references_left: Cell::new(0),
        };
        let mut places = vec![String::new()];
        let mut seen = HashSet::from([String::new()]);
        let mut next = 0;
        while let Some(from) = places.get(next).cloned() {
            next += 1;
            for (edge, to) in walk::held(root, &from) {
                if seen.insert(to.clone()) {
                    sampler.ways.insert(to.clone(), sampler.steps.len());
                    places.push(to.clone());
                }
                sampler.steps.push(SampleStep {
                    from: from.clone(),
                    edge,
                    to,
                });
            }
        }
        sampler
    }

    /// All steps from a schema to one that it contains, nearest to the root first.
    pub(in crate::schema) fn steps(&self) -> &[SampleStep] {
        &self.steps
    }

    /// A payload that contains `instance` at the end of `step`.
    pub(in crate::schema) fn through(&self, step: &SampleStep, instance: Value) -> Option<Value> {
        let held = self.place(step, instance)?;
        self.carry(&step.from, held)
    }

    /// A payload that contains `instance` at `place`.
    pub(in crate::schema) fn carry(&self, place: &str, mut instance: Value) -> Option<Value> {
        let mut place = place;
        while !place.is_empty() {
            let step = self.steps.get(*self.ways.get(place)?)?;
            instance = self.place(step, instance)?;
            place = &step.from;
        }
        Some(instance)
    }

    /// An instance of the outer schema of a step, around an instance of its inner schema.
    fn place(&self, step: &SampleStep, instance: Value) -> Option<Value> {
        let holder = self.root.pointer(&step.from)?;
        let around = |whole: bool| {
            let mut holders = self.holders.borrow_mut();
            let least = holders.entry((step.from.clone(), whole));
            least
                .or_insert_with(|| if whole { self.least(holder) } else { self.own(holder) })
                .clone()
        };
        let key = match &step.edge {
            Edge::Property(name) => name.clone(),
            Edge::Pattern(pattern) => pattern::example(pattern, 0)?,
            Edge::Additional => "key".to_owned(),
            Edge::Item | Edge::Prefix(_) => return place_item(around(true), holder, &step.edge, instance),
            Edge::Same => return Some(merge(around(false).unwrap_or(Value::Null), instance)),
            Edge::All => return Some(merge(around(true).unwrap_or(Value::Null), instance)),
            Edge::Aside => return None,
        };
        let mut object = match around(true) {
            Some(Value::Object(object)) => object,
            _ => Map::new(),
        };
        object.insert(key, instance);
        Some(Value::Object(object))
    }

    /// The instance with the fewest parts; `None` if none is found.
    pub(in crate::schema) fn least(&self, schema: &Value) -> Option<Value> {
        self.shallowest(schema, MAX_DEPTH)
    }

    fn shallowest(&self, schema: &Value, depth: usize) -> Option<Value> {
        // Increasing the depth step by step finds the shallow alternative of a recursive type before the deep ones.
        (1..=depth).find_map(|depth| self.instance(schema, depth, false, 0))
    }

    /// An instance with all properties, an item in every array and an entry in every map.
    pub(in crate::schema) fn full(&self, schema: &Value) -> Option<Value> {
        self.references_left.set(MOST_REFERENCES);
        self.instance(schema, MAX_DEPTH, true, FULL_REFERENCES)
    }

    /// An instance of the schema without its alternatives and references.
    fn own(&self, schema: &Value) -> Option<Value> {
        let mut own = schema.as_object()?.clone();
        for keyword in ["anyOf", "oneOf", "$ref"] {
            own.remove(keyword);
        }
        (!own.is_empty()).then(|| self.least(&Value::Object(own)))?
    }

    fn instance(&self, schema: &Value, depth: usize, full: bool, references: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        #[cfg(test)]
        crate::schema::cost::visit_schema();
        let schema = match schema {
            Value::Object(schema) => schema,
            Value::Bool(true) => return Some(Value::Null),
            _ => return None,
        };
        if let Some(constant) = schema.get("const") {
            return Some(constant.clone());
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            return values.first().cloned();
        }
        let mut instance = match first_type(schema) {
            Some("object") => Some(self.object(schema, depth, full, references)?),
            Some("array") => Some(self.array(schema, depth, full, references)?),
            Some("string") => Some(strings(schema).into_iter().next()?),
            Some("integer" | "number") => Some(numbers(schema).into_iter().next()?),
            Some("boolean") => Some(Value::Bool(false)),
            _ => None,
        };
        let mut join = |part: Value| instance = Some(merge(instance.take().unwrap_or(Value::Null), part));
        if let Some(target) = walk::reference_in(schema) {
            let target = self.root.pointer(&target)?;
            let left = self.references_left.get();
            join(if full && (references == 0 || left == 0) {
                self.shallowest(target, depth)?
            } else {
                self.references_left.set(left.saturating_sub(1));
                self.instance(target, depth, full, references.saturating_sub(1))?
            });
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(alternatives)) = schema.get(keyword) {
                let mut instances = alternatives
                    .iter()
                    .filter_map(|one| self.instance(one, depth, full, references));
                join(instances.next()?);
            }
        }
        if let Some(Value::Array(all)) = schema.get("allOf") {
            for one in all {
                join(self.instance(one, depth, full, references)?);
            }
        }
        Some(instance.unwrap_or(Value::Null))
    }

    fn object(&self, schema: &Map<String, Value>, depth: usize, full: bool, references: usize) -> Option<Value> {
        let required: HashSet<&str> = match schema.get("required") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => HashSet::new(),
        };
        let mut object = Map::new();
        for (name, property) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let needed = required.contains(name.as_str());
            if !needed && !full {
                continue;
            }
            match self.instance(property, depth, full, references) {
                Some(value) => drop(object.insert(name.clone(), value)),
                None if needed => return None,
                None => {}
            }
        }
        if full {
            for (pattern, property) in schema
                .get("patternProperties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                if let Some(key) = pattern::example(pattern, 0)
                    && let Some(value) = self.instance(property, depth, full, references)
                {
                    object.insert(key, value);
                }
            }
            if let Some(additional @ (Value::Object(_) | Value::Bool(true))) = schema.get("additionalProperties")
                && let Some(value) = self.instance(additional, depth, full, references)
            {
                object.insert("key".to_owned(), value);
            }
        }
        Some(Value::Object(object))
    }

    fn array(&self, schema: &Map<String, Value>, depth: usize, full: bool, references: usize) -> Option<Value> {
        let limit = |keyword| {
            schema
                .get(keyword)
                .and_then(Value::as_u64)
                .and_then(|limit| usize::try_from(limit).ok())
        };
        let least = limit("minItems").unwrap_or(0);
        let most = limit("maxItems").unwrap_or(usize::MAX);
        let wanted = if full { least.max(1).min(most) } else { least };
        let prefix = schema
            .get("prefixItems")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let mut items = Vec::new();
        while items.len() < wanted {
            let item = match prefix.get(items.len()).or_else(|| schema.get("items")) {
                Some(schema) => self.instance(schema, depth, full, references),
                None => Some(Value::Null),
            };
            match item {
                Some(item) => items.push(item),
                None if items.len() >= least => break,
                None => return None,
            }
        }
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) && items.len() > 1 {
            items = self
                .variants(schema.get("items")?)
                .into_iter()
                .take(items.len())
                .collect();
        }
        Some(Value::Array(items))
    }

    /// Instances at the limits of a schema, and some just beyond them.
    pub(in crate::schema) fn variants(&self, schema: &Value) -> Vec<Value> {
        let Value::Object(keywords) = schema else {
            return vec![
                json!(null),
                json!(true),
                json!(1.5),
                json!("a"),
                json!([{}]),
                json!({ "a": 1 }),
            ];
        };
        let mut variants: Vec<Value> = self.least(schema).into_iter().chain(self.full(schema)).collect();
        if let Some(Value::Array(values)) = keywords.get("enum") {
            variants.extend(values.iter().cloned());
        }
        for (kind, instances) in [
            ("null", vec![json!(null)]),
            ("boolean", vec![json!(true), json!(false)]),
        ] {
            if walk::has_type(keywords, kind) {
                variants.extend(instances);
            }
        }
        if walk::has_type(keywords, "integer") || walk::has_type(keywords, "number") {
            variants.extend(numbers(keywords));
        }
        if walk::has_type(keywords, "string") {
            variants.extend(strings(keywords));
        }
        if walk::has_type(keywords, "array") {
            variants.push(json!([]));
        }
        if let Some(Value::Object(least)) = self.least(schema) {
            let value = match keywords.get("additionalProperties") {
                Some(additional) => self.least(additional).unwrap_or(Value::Null),
                None => Value::Bool(true),
            };
            for key in ["key", "", "1", "é", "two words"] {
                let mut object = least.clone();
                object.entry(key).or_insert_with(|| value.clone());
                variants.push(Value::Object(object));
            }
        }
        variants
    }
}

/// An array with `instance` at the place of `edge`.
fn place_item(array: Option<Value>, holder: &Value, edge: &Edge, instance: Value) -> Option<Value> {
    let mut items = match array {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let prefix = holder.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
    let index = if let Edge::Prefix(index) = edge { *index } else { prefix };
    if index == items.len() {
        items.push(instance);
    } else {
        *items.get_mut(index)? = instance;
    }
    Some(Value::Array(items))
}

/// Merges two objects: properties of the second replace those of the first. If one of the values isn't an object, the
/// result is the second value.
fn merge(first: Value, second: Value) -> Value {
    match (first, second) {
        (Value::Object(mut first), Value::Object(second)) => {
            first.extend(second);
            Value::Object(first)
        }
        (_, second) => second,
    }
}

/// The type of the instance to make: the first type of the schema, or the type that its keywords imply.
fn first_type(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(only)) => Some(only),
        Some(Value::Array(several)) => several.first()?.as_str(),
        _ if schema.contains_key("properties") || schema.contains_key("additionalProperties") => Some("object"),
        _ if schema.contains_key("format") || schema.contains_key("pattern") => Some("string"),
        _ => None,
    }
}
