//! The properties that an object must not have. The probe shows the type objects with additional properties.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::schema::compile::SchemaError;
use crate::schema::decode::Reshape;
use crate::schema::sample::{SampleStep, Sampler};
use crate::schema::validator::EventSchema;
use crate::schema::walk;

/// Forbids properties in the schema of each object that allows them although the type refuses them.
pub(super) fn close_objects(
    schema: &mut Value,
    names: &BTreeSet<&'static str>,
    reshape: Reshape<'_>,
) -> Result<(), SchemaError> {
    let steps = Sampler::new(schema).steps().to_vec();
    let mut objects = std::iter::once(None).chain(steps.iter().map(Some));
    // After each addition, the validator is compiled again, and the search continues with the next object.
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
    /// Only the declared properties are allowed.
    Closed,
    /// This property of another alternative must be null if it is present: a unit variant has no content.
    Null(String),
    /// This property must be absent. It is an alias: the type reads it instead of a declared property.
    Absent(String),
    /// No property of another alternative is allowed. Otherwise a flattened enum would have more than one variant.
    Exclusive,
}

fn add(schema: &mut Value, step: Option<&SampleStep>, addition: Addition) {
    let at = step.map(|step| step.to.as_str()).unwrap_or_default();
    match addition {
        Addition::Closed => {
            if let Some(Value::Object(object)) = schema.pointer_mut(at) {
                // Properties that the alternatives declare are declared too.
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
    // A reference or union has nothing to close, but its targets do.
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

/// The properties of all alternatives of the union from which `step` leads to one alternative.
fn properties_of_alternatives(schema: &Value, step: Option<&SampleStep>) -> BTreeSet<String> {
    let holder = step.and_then(|step| schema.pointer(&step.from));
    let alternatives = ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|keyword| holder?.get(keyword)?.as_array())
        .flatten();
    let properties = alternatives.filter_map(|one| one.get("properties")?.as_object());
    properties.flat_map(|properties| properties.keys().cloned()).collect()
}

/// Whether an object, or the target of its reference, declares a property.
fn declares(schema: &Value, object: &Map<String, Value>, name: &str) -> bool {
    let here = object
        .get("properties")
        .is_some_and(|properties| properties.get(name).is_some());
    let target = walk::reference_in(object).and_then(|target| schema.pointer(&target));
    here || target.and_then(|target| target.get("properties")?.get(name)).is_some()
}
