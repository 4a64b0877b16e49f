//! Makes sure that a type's `Deserialize` accepts what its schema accepts, by showing the type samples of the schema.
//!
//! What the schema cannot tell is learnt from what the type refuses, and added to the schema where a keyword can say it:
//! which integers a map has as keys, that an object has no further properties, that a variant has no content. Where
//! they still disagree, the definition is refused with the sample that shows it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::sample::{Sampler, Step};
use super::schema::{EventSchema, SchemaError};
use super::tighten::IntegerKeys;
use super::validate::Violation;
use super::walk;

/// What becomes of data that a type reads and writes again.
pub(super) type Reshape<'r> = &'r dyn Fn(&Value) -> Result<Value, Violation>;

/// The inbound schema with everything added that the type turns out to demand. `outbound` is the schema of what the
/// type writes, if it is another.
pub(super) fn settle(mut inbound: Value, outbound: Option<Value>, reshape: Reshape<'_>) -> Result<Value, SchemaError> {
    bound_integer_keys(&mut inbound, reshape)?;
    close_objects(&mut inbound, reshape)?;
    verify(&inbound, outbound, reshape)?;
    Ok(inbound)
}

/// Finds out which integers the type reads as keys wherever schemars says only that they are integers.
fn bound_integer_keys(schema: &mut Value, reshape: Reshape<'_>) -> Result<(), SchemaError> {
    // Outer maps first: an inner one is reached through a key of the outer.
    let mut places = walk::pointers(schema);
    places.sort_by_key(String::len);
    for at in places {
        let Some(Value::Object(map)) = schema.pointer(&at).and_then(|schema| schema.get("patternProperties")) else {
            continue;
        };
        for (pattern, value) in map.clone() {
            let Some(widest) = IntegerKeys::of_pattern(&pattern) else {
                continue;
            };
            let sampler = Sampler::new(schema);
            let Some(value) = sampler.least(&value) else {
                continue;
            };
            let reads = |key: &str| {
                let payload = sampler.carry(&at, json!({ key: value }));
                payload.is_some_and(|payload| reshape(&payload).is_ok())
            };
            // Text that happens to look like integers, by a pattern of the application's own.
            if reads("007") {
                continue;
            }
            let keys = integer_keys(widest, reads).ok_or_else(|| SchemaError::IntegerKeys { at: at.clone() })?;
            if let Some(map) = schema
                .pointer_mut(&at)
                .and_then(|schema| schema.get_mut("patternProperties")?.as_object_mut())
                && let Some(value) = map.remove(&pattern)
            {
                map.insert(keys.pattern(), value);
            }
        }
    }
    Ok(())
}

fn integer_keys(widest: IntegerKeys, reads: impl Fn(&str) -> bool) -> Option<IntegerKeys> {
    const ABOVE: [u64; 8] = [
        u64::MAX,
        i64::MAX as u64,
        u32::MAX as u64,
        i32::MAX as u64,
        u16::MAX as u64,
        i16::MAX as u64,
        u8::MAX as u64,
        i8::MAX as u64,
    ];
    const BELOW: [u64; 4] = [
        i64::MIN.unsigned_abs(),
        i32::MIN.unsigned_abs() as u64,
        i16::MIN.unsigned_abs() as u64,
        i8::MIN.unsigned_abs() as u64,
    ];
    let mut below = BELOW.into_iter().filter(|limit| *limit <= widest.below);
    Some(IntegerKeys {
        above: ABOVE.into_iter().find(|limit| reads(&limit.to_string()))?,
        below: below.find(|limit| reads(&format!("-{limit}"))).unwrap_or(0),
        zero: reads("0"),
    })
}

/// Says of each object whose reader refuses properties that its schema would let pass that it has no such properties.
fn close_objects(schema: &mut Value, reshape: Reshape<'_>) -> Result<(), SchemaError> {
    let mut validator = EventSchema::compile(schema.clone())?;
    let steps = Sampler::new(schema).steps().to_vec();
    let root = std::iter::once((None, String::new()));
    let held = steps.iter().map(|step| (Some(step), step.to.clone()));
    for (step, at) in root.chain(held) {
        let additions = {
            let sampler = Sampler::new(schema);
            missing_refusals(schema, &sampler, step, &at, &validator, reshape)
        };
        if additions.is_empty() {
            continue;
        }
        for addition in additions {
            add(schema, step, &at, addition);
        }
        validator = EventSchema::compile(schema.clone())?;
    }
    Ok(())
}

enum Addition {
    /// No properties besides those declared.
    Closed,
    /// This property of another alternative, if present, is null: the content that a unit variant does not have.
    Null(String),
    /// No property of another alternative: more than one variant of a flattened enum.
    Exclusive,
}

fn add(schema: &mut Value, step: Option<&Step>, at: &str, addition: Addition) {
    match addition {
        Addition::Closed => {
            if let Some(Value::Object(object)) = schema.pointer_mut(at) {
                // What alternatives beside the properties declare is declared too.
                let combined = ["allOf", "anyOf", "oneOf", "$ref"]
                    .iter()
                    .any(|keyword| object.contains_key(*keyword));
                let keyword = if combined {
                    "unevaluatedProperties"
                } else {
                    "additionalProperties"
                };
                object.insert(keyword.to_owned(), Value::Bool(false));
            }
        }
        Addition::Null(name) => declare(schema, at, name, json!({ "type": "null" })),
        Addition::Exclusive => {
            let names = properties_of_alternatives(schema, step);
            let places = walk::pointers(schema);
            let from = step.map(|step| step.from.as_str()).unwrap_or_default();
            let alternatives = ["anyOf", "oneOf"].map(|keyword| format!("{from}/{keyword}/"));
            for at in places {
                let alternative = alternatives.iter().find_map(|prefix| at.strip_prefix(prefix.as_str()));
                if alternative.is_none_or(|index| index.contains('/')) {
                    continue;
                }
                for name in &names {
                    let Some(Value::Object(object)) = schema.pointer(&at) else {
                        continue;
                    };
                    if !declares(schema, object, name) {
                        declare(schema, &at, name.clone(), Value::Bool(false));
                    }
                }
            }
        }
    }
}

fn declare(schema: &mut Value, at: &str, name: String, property: Value) {
    if let Some(Value::Object(object)) = schema.pointer_mut(at)
        && let Value::Object(properties) = object.entry("properties").or_insert_with(|| json!({}))
    {
        properties.insert(name, property);
    }
}

fn missing_refusals(
    schema: &Value,
    sampler: &Sampler<'_>,
    step: Option<&Step>,
    at: &str,
    validator: &EventSchema,
    reshape: Reshape<'_>,
) -> Vec<Addition> {
    let Some(Value::Object(object)) = schema.pointer(at) else {
        return Vec::new();
    };
    let closed_or_open = ["additionalProperties", "unevaluatedProperties"]
        .iter()
        .any(|keyword| object.contains_key(*keyword));
    // A mere reference or union has nothing to close; what it leads to has.
    if closed_or_open || !walk::has_type(object, "object") {
        return Vec::new();
    }
    let Some(Value::Object(base)) = schema.pointer(at).and_then(|schema| sampler.least(schema)) else {
        return Vec::new();
    };
    let payload = |extra: Option<(&str, Value)>| {
        let mut instance = base.clone();
        instance.extend(extra.map(|(name, value)| (name.to_owned(), value)));
        match step {
            Some(step) => sampler.through(step, Value::Object(instance)),
            None => Some(Value::Object(instance)),
        }
    };
    let reads = |payload: &Value| reshape(payload).is_ok();
    let lets_pass = |payload: &Value| validator.accepts(payload);
    let disputed = |extra: Option<(&str, Value)>| payload(extra).is_some_and(|data| lets_pass(&data) && !reads(&data));
    if !payload(None).is_some_and(|data| lets_pass(&data) && reads(&data)) {
        return Vec::new();
    }
    let mut additions = Vec::new();
    if disputed(Some(("dialogue: no such property", Value::Bool(true)))) {
        additions.push(Addition::Closed);
    }
    for name in properties_of_alternatives(schema, step) {
        if base.contains_key(&name) || declares(schema, object, &name) {
            continue;
        }
        let values = [json!(1), json!("a"), json!(true), json!([]), json!({})];
        if values.into_iter().any(|value| disputed(Some((&name, value)))) {
            let null = payload(Some((&name, Value::Null))).is_some_and(|data| reads(&data));
            additions.push(if null {
                Addition::Null(name)
            } else {
                Addition::Exclusive
            });
        }
    }
    additions
}

/// The properties of the alternatives among which `step` leads to one.
fn properties_of_alternatives(schema: &Value, step: Option<&Step>) -> BTreeSet<String> {
    let holder = step.and_then(|step| schema.pointer(&step.from));
    let alternatives = ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|keyword| holder?.get(keyword)?.as_array())
        .flatten();
    let properties = alternatives.filter_map(|one| one.get("properties")?.as_object());
    properties.flat_map(|properties| properties.keys().cloned()).collect()
}

/// Whether an object or what it refers to declares a property.
fn declares(schema: &Value, object: &serde_json::Map<String, Value>, name: &str) -> bool {
    let here = object
        .get("properties")
        .is_some_and(|properties| properties.get(name).is_some());
    let target = walk::reference(&Value::Object(object.clone())).and_then(|target| schema.pointer(&target));
    here || target.and_then(|target| target.get("properties")?.get(name)).is_some()
}

/// Refuses a type that does not read what its schema accepts, or writes it as its outbound schema does not allow.
fn verify(inbound: &Value, outbound: Option<Value>, reshape: Reshape<'_>) -> Result<(), SchemaError> {
    let validator = EventSchema::compile(inbound.clone())?;
    let outbound = outbound.map(EventSchema::compile).transpose()?;
    let outbound = outbound.as_ref().unwrap_or(&validator);
    let try_out = |at: &str, payload: Value| {
        if !validator.accepts(&payload) {
            return Ok(());
        }
        let verdict = match reshape(&payload) {
            Ok(written) => outbound.check(&written).map_err(|violations| {
                let violations = violations
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; ");
                format!("it is written as something that the outbound schema refuses: {violations}")
            }),
            Err(refusal) => Err(refusal.message),
        };
        verdict.map_err(|reason| SchemaError::Disagreement {
            at: at.to_owned(),
            data: payload.to_string().chars().take(200).collect(),
            reason,
        })
    };
    let sampler = Sampler::new(inbound);
    for variant in sampler.variants(inbound) {
        try_out("", variant)?;
    }
    for step in sampler.steps() {
        for variant in inbound
            .pointer(&step.to)
            .map(|held| sampler.variants(held))
            .unwrap_or_default()
        {
            if let Some(payload) = sampler.through(step, variant) {
                try_out(&step.to, payload)?;
            }
        }
    }
    Ok(())
}
