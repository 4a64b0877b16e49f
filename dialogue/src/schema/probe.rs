//! Makes sure that a type's `Deserialize` accepts what its schema accepts, by showing the type samples of the schema.
//!
//! What the schema cannot tell is learnt from what the type refuses, and added to the schema where a keyword can say it:
//! which integers a map has as keys, that an object has no further properties, that a variant has no content. Where
//! they still disagree, the definition is refused with the sample that shows it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::accepted_names::accepted_names;
use super::compile::SchemaError;
use super::rust_limits::IntegerKeys;
use super::sample::{SampleStep, Sampler};
use super::validator::EventSchema;
use super::violation::Violation;
use super::{EventData, decode, walk};

/// What becomes of data that a type reads and writes again.
type Reshape<'r> = &'r dyn Fn(&Value) -> Result<Value, Violation>;

/// The inbound schema of `E` with everything added that the type turns out to demand. `outbound` is the schema of what
/// the type writes, if it is another.
pub(super) fn refine<E: EventData>(mut inbound: Value, outbound: Option<Value>) -> Result<Value, SchemaError> {
    let reshape: Reshape<'_> = &|data: &Value| decode::reshape::<E>(data.clone());
    bound_integer_keys(&mut inbound, reshape)?;
    let names = names_read::<E>(&inbound);
    bound_text_keys(&mut inbound, &names, reshape);
    close_objects(&mut inbound, &names, reshape)?;
    verify(&inbound, outbound, reshape)?;
    Ok(inbound)
}

/// Every name of a field or variant that the type reads, aliases included, as far as they can be heard.
fn names_read<E: EventData>(schema: &Value) -> BTreeSet<&'static str> {
    let sampler = Sampler::new(schema);
    let held = sampler
        .steps()
        .iter()
        .filter_map(|step| sampler.through(step, sampler.full(schema.pointer(&step.to)?)?));
    sampler
        .full(schema)
        .into_iter()
        .chain(held)
        .flat_map(|payload| accepted_names::<E>(&payload))
        .collect()
}

/// Finds out what the type reads as keys of maps whose schema lets any text pass: variants of an enum, characters,
/// booleans, addresses. What is none of these is left for `verify` to refuse.
fn bound_text_keys(schema: &mut Value, names: &BTreeSet<&'static str>, reshape: Reshape<'_>) {
    for at in walk::pointers(schema) {
        let Some(Value::Object(map)) = schema.pointer(&at) else {
            continue;
        };
        let restricted = ["properties", "patternProperties", "propertyNames"]
            .iter()
            .any(|keyword| map.contains_key(*keyword));
        let Some(values) = map.get("additionalProperties").filter(|_| !restricted) else {
            continue;
        };
        let sampler = Sampler::new(schema);
        let Some(value) = sampler.least(values) else {
            continue;
        };
        let reads_map = |map: Value| sampler.carry(&at, map).is_some_and(|payload| reshape(&payload).is_ok());
        let reads = |key: &str| reads_map(json!({ key: value }));
        if reads("no such key") || !reads_map(json!({})) {
            continue;
        }
        let listed: Vec<&str> = names
            .iter()
            .copied()
            .chain(["false", "true"])
            .filter(|name| reads(name))
            .collect();
        let keys = match (reads("a") && reads("é"), reads("127.0.0.1"), reads("::1")) {
            (true, ..) => json!({ "minLength": 1, "maxLength": 1 }),
            (_, true, true) => json!({ "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] }),
            (_, true, _) => json!({ "format": "ipv4" }),
            (_, _, true) => json!({ "format": "ipv6" }),
            _ if !listed.is_empty() => json!({ "enum": listed }),
            _ => continue,
        };
        if let Some(Value::Object(map)) = schema.pointer_mut(&at) {
            map.insert("propertyNames".to_owned(), keys);
        }
    }
}

/// Finds out which integers the type reads as keys wherever schemars says only that they are integers.
fn bound_integer_keys(schema: &mut Value, reshape: Reshape<'_>) -> Result<(), SchemaError> {
    let mut seen = BTreeSet::new();
    // One at a time, outer maps first: an inner one is reached through a key of the outer, and is then elsewhere.
    while let Some((at, pattern, widest)) = integer_keyed_map(schema, &seen) {
        seen.insert((at.clone(), pattern.clone()));
        let sampler = Sampler::new(schema);
        let map = format!("{at}/patternProperties");
        let Some(value) = schema.pointer(&map).and_then(|map| sampler.least(map.get(&pattern)?)) else {
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
        let keys = integer_keys(widest, reads).ok_or(SchemaError::IntegerKeys { at })?;
        if let Some(Value::Object(map)) = schema.pointer_mut(&map)
            && let Some(value) = map.remove(&pattern)
        {
            map.insert(keys.pattern(), value);
        }
    }
    Ok(())
}

/// The outermost map with integer keys that has not been seen: its place, its keys' pattern and what that may mean.
fn integer_keyed_map(schema: &Value, seen: &BTreeSet<(String, String)>) -> Option<(String, String, IntegerKeys)> {
    walk::pointers(schema).into_iter().find_map(|at| {
        let patterns = schema
            .pointer(&at)?
            .get("patternProperties")?
            .as_object()?
            .keys()
            .cloned();
        let mut new = patterns
            .map(|pattern| (at.clone(), pattern))
            .filter(|map| !seen.contains(map));
        new.find_map(|(at, pattern)| IntegerKeys::of_pattern(&pattern).map(|widest| (at, pattern, widest)))
    })
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
fn close_objects(schema: &mut Value, names: &BTreeSet<&'static str>, reshape: Reshape<'_>) -> Result<(), SchemaError> {
    let steps = Sampler::new(schema).steps().to_vec();
    let mut objects = std::iter::once(None).chain(steps.iter().map(Some));
    // Anew after each addition, from the next object on.
    loop {
        let validator = EventSchema::compile(schema.clone())?;
        let sampler = Sampler::new(schema);
        let found = objects.find_map(|step| {
            let additions = missing_refusals(schema, &sampler, step, names, &validator, reshape);
            (!additions.is_empty()).then_some((step, additions))
        });
        let Some((step, additions)) = found else {
            break;
        };
        additions.into_iter().for_each(|addition| add(schema, step, addition));
    }
    Ok(())
}

enum Addition {
    /// No properties besides those declared.
    Closed,
    /// This property of another alternative, if present, is null: the content that a unit variant does not have.
    Null(String),
    /// Not this property, which the type reads in place of one that is declared: an alias.
    Absent(String),
    /// No property of another alternative: more than one variant of a flattened enum.
    Exclusive,
}

fn add(schema: &mut Value, step: Option<&SampleStep>, addition: Addition) {
    let at = step.map(|step| step.to.as_str()).unwrap_or_default();
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
        Addition::Absent(name) => declare(schema, at, name, Value::Bool(false)),
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
    step: Option<&SampleStep>,
    names: &BTreeSet<&'static str>,
    validator: &EventSchema,
    reshape: Reshape<'_>,
) -> Vec<Addition> {
    let at = step.map(|step| step.to.as_str()).unwrap_or_default();
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
    let bases = schema
        .pointer(at)
        .map_or([None, None], |schema| [sampler.least(schema), sampler.full(schema)]);
    let payload = |base: &Map<String, Value>, extra: Option<(&str, Value)>| {
        let mut instance = base.clone();
        instance.extend(extra.map(|(name, value)| (name.to_owned(), value)));
        match step {
            Some(step) => sampler.through(step, Value::Object(instance)),
            None => Some(Value::Object(instance)),
        }
    };
    let reads = |payload: &Value| reshape(payload).is_ok();
    let lets_pass = |payload: &Value| validator.accepts(payload);
    let good = |base: &Map<String, Value>| payload(base, None).is_some_and(|data| lets_pass(&data) && reads(&data));
    let bases: Vec<Map<String, Value>> = bases
        .into_iter()
        .filter_map(|base| match base {
            Some(Value::Object(base)) => Some(base),
            _ => None,
        })
        .filter(|base| good(base))
        .collect();
    let disputed = |name: &str, values: &[Value]| {
        bases.iter().filter(|base| !base.contains_key(name)).any(|base| {
            let mut payloads = values
                .iter()
                .filter_map(|value| payload(base, Some((name, value.clone()))));
            payloads.any(|data| lets_pass(&data) && !reads(&data))
        })
    };
    let mut additions = Vec::new();
    if disputed("dialogue: no such property", &[Value::Bool(true)]) {
        additions.push(Addition::Closed);
    }
    let siblings = properties_of_alternatives(schema, step);
    let others = names
        .iter()
        .map(|name| (*name).to_owned())
        .filter(|name| !siblings.contains(name));
    let values = [json!(1), json!("a"), json!(true), json!([]), json!({})];
    for name in siblings.iter().cloned().chain(others) {
        if declares(schema, object, &name) || !disputed(&name, &values) {
            continue;
        }
        let null = bases
            .iter()
            .any(|base| payload(base, Some((&name, Value::Null))).is_some_and(|data| reads(&data)));
        additions.push(match (siblings.contains(&name), null) {
            (true, true) => Addition::Null(name),
            (true, false) => Addition::Exclusive,
            (false, _) => Addition::Absent(name),
        });
    }
    additions
}

/// The properties of the alternatives among which `step` leads to one.
fn properties_of_alternatives(schema: &Value, step: Option<&SampleStep>) -> BTreeSet<String> {
    let holder = step.and_then(|step| schema.pointer(&step.from));
    let alternatives = ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|keyword| holder?.get(keyword)?.as_array())
        .flatten();
    let properties = alternatives.filter_map(|one| one.get("properties")?.as_object());
    properties.flat_map(|properties| properties.keys().cloned()).collect()
}

/// Whether an object or what it refers to declares a property.
fn declares(schema: &Value, object: &Map<String, Value>, name: &str) -> bool {
    let here = object
        .get("properties")
        .is_some_and(|properties| properties.get(name).is_some());
    let target = walk::reference_in(object).and_then(|target| schema.pointer(&target));
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
