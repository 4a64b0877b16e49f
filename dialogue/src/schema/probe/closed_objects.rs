//! The properties that an object must not have. The probe shows the type objects with additional properties.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Map, Value, json};

use super::alternatives::{Properties, alternatives, declares, is_union};
use super::search::{Search, Verdict};
use crate::schema::accepted_names::Names;
use crate::schema::decode::Reshape;
use crate::schema::graph::{NodeId, StepId, StepKind};
use crate::schema::sample::{Content, Sampler, Trial};
use crate::schema::validator::EventSchema;
use crate::schema::walk;

/// A property that no type has.
const UNKNOWN: &str = "dialogue: no such property";

/// The schema with properties forbidden in each object that allows them although the type refuses them. `None` if there
/// is no such object.
pub(super) fn close_objects(
    schema: &EventSchema,
    sampler: &Sampler<'_>,
    names: &Names,
    reshape: Reshape<'_>,
) -> Option<Value> {
    let judge = |payload: &Value| match (schema.accepts(payload), reshape(payload).is_ok()) {
        (false, _) => Verdict::Excluded,
        (true, true) => Verdict::Agreed,
        (true, false) => Verdict::Disagreed(()),
    };
    let objects = Objects {
        search: Search { sampler, judge: &judge },
        sampler,
        reads: &|payload| reshape(payload).is_ok(),
    };
    let closed = objects.closed();
    let mut additions = objects.of_alternatives();
    additions.extend(objects.aliases(names, &closed));
    additions.extend(closed.into_iter().map(|node| (node, Addition::Closed)));
    if additions.is_empty() {
        return None;
    }
    let mut schema = schema.enforced().clone();
    for (node, addition) in additions {
        add(&mut schema, sampler, node, addition);
    }
    Some(schema)
}

#[derive(PartialEq)]
enum Addition {
    /// Only the declared properties are allowed.
    Closed,
    /// This property of another alternative must be null if it is present: a unit variant has no content.
    Null(String),
    /// This property must be absent. It is an alias: the type reads it instead of a declared property.
    Absent(String),
    /// The addition is to a union: no alternative allows a property of another alternative. Otherwise a flattened enum
    /// would have more than one variant.
    Exclusive,
}

fn add(schema: &mut Value, sampler: &Sampler<'_>, node: NodeId, addition: Addition) {
    let at = sampler.graph().at(node);
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
            let names = Properties::of(sampler, node).counts;
            for (_, step) in alternatives(sampler, node) {
                let Some(object) = sampler.graph().keywords(step.to) else {
                    continue;
                };
                for name in names.keys().filter(|name| !declares(sampler, object, name)) {
                    declare(schema, sampler.graph().at(step.to), (*name).clone(), Value::Bool(false));
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

/// The objects of a schema that allow undeclared properties.
struct Objects<'a, 's> {
    search: Search<'a, 's, ()>,
    sampler: &'a Sampler<'s>,
    reads: &'a dyn Fn(&Value) -> bool,
}

impl Objects<'_, '_> {
    /// The keywords of the schema to which a step leads, if it is an object that allows undeclared properties.
    fn open(&self, step: Option<StepId>) -> Option<&Map<String, Value>> {
        let object = self.sampler.graph().keywords(self.sampler.target(step))?;
        let closed_or_open = ["additionalProperties", "unevaluatedProperties"]
            .iter()
            .any(|keyword| object.contains_key(*keyword));
        // A reference or union has nothing to close, but its targets do.
        (!closed_or_open && walk::has_type(object, "object")).then_some(object)
    }

    /// The objects in which the type refuses any undeclared property.
    fn closed(&self) -> BTreeSet<NodeId> {
        let open = self.sampler.places().filter(|step| self.open(*step).is_some());
        let trials = open.map(|step| extended(step, [UNKNOWN], &Value::Bool(true)));
        let found = self.search.all(trials.collect());
        let places: Vec<_> = found.into_iter().map(|(trial, ())| trial.step).collect();
        let disputed = places
            .into_iter()
            .filter(|step| self.disputes(*step, UNKNOWN, &[Value::Bool(true)]));
        let disputed: Vec<_> = disputed.collect();
        let nodes: HashSet<_> = disputed.iter().map(|step| self.sampler.target(*step)).collect();
        // What an outer schema of the same object forbids need not be forbidden again.
        let outermost = disputed.into_iter().filter(|step| !self.is_whole_of(*step, &nodes));
        outermost.map(|step| self.sampler.target(step)).collect()
    }

    /// Whether the object at a place is also the instance of one of these schemas, further out.
    fn is_whole_of(&self, step: Option<StepId>, outer: &HashSet<NodeId>) -> bool {
        let graph = self.sampler.graph();
        let mut last = step.and_then(|id| graph.step(id));
        while let Some(step) = last.filter(|step| step.kind != StepKind::Part) {
            if outer.contains(&step.from) {
                return true;
            }
            last = graph.way(step.from).and_then(|id| graph.step(id));
        }
        false
    }

    /// Whether the type refuses one of the values for a property that the schema allows. Only objects that the type
    /// reads without this property can show it.
    fn disputes(&self, step: Option<StepId>, name: &str, values: &[Value]) -> bool {
        let bases = self.bases(step);
        let mut objects = bases
            .iter()
            .filter(|base| !base.contains_key(name))
            .flat_map(|base| values.iter().map(move |value| with(base, name, value.clone())));
        objects.any(|object| matches!(self.judge(step, object), Some(Verdict::Disagreed(()))))
    }

    /// The smallest and the full object at a place, if the type reads them.
    fn bases(&self, step: Option<StepId>) -> Vec<Map<String, Value>> {
        let node = self.sampler.target(step);
        let instances = [self.sampler.least(node), self.sampler.full(node)];
        let objects = instances.into_iter().filter_map(|instance| match instance {
            Some(Value::Object(object)) => Some(object),
            _ => None,
        });
        objects
            .filter(|object| matches!(self.judge(step, object.clone()), Some(Verdict::Agreed)))
            .collect()
    }

    fn judge(&self, step: Option<StepId>, object: Map<String, Value>) -> Option<Verdict<()>> {
        let payload = self.sampler.through(step, Value::Object(object))?;
        Some((self.search.judge)(&payload))
    }

    /// The properties that an alternative of a union must not have because they belong to other alternatives.
    fn of_alternatives(&self) -> Vec<(NodeId, Addition)> {
        let (mut trials, mut unions) = (Vec::new(), BTreeMap::new());
        for union in (0..self.sampler.graph().len()).filter(|node| is_union(self.sampler, *node)) {
            let properties = Properties::of(self.sampler, union);
            for (index, id) in properties.alternatives.iter().enumerate() {
                let Some(object) = self.open(Some(*id)) else {
                    continue;
                };
                let names = properties.most_telling(index);
                let names: Vec<_> = names.filter(|name| !declares(self.sampler, object, name)).collect();
                let values = [json!(1), json!("a"), json!({})];
                trials.extend(
                    values
                        .iter()
                        .map(|value| extended(Some(*id), names.iter().copied(), value)),
                );
            }
            unions.insert(union, properties);
        }
        let found = self.search.all(trials).into_iter().filter_map(|(trial, ())| trial.step);
        let mut additions = Vec::new();
        let mut exclusive = BTreeSet::new();
        for id in found.collect::<BTreeSet<_>>() {
            let union = self.sampler.graph().step(id).map(|step| step.from);
            let (Some(union), Some(object)) = (union, self.open(Some(id))) else {
                continue;
            };
            for name in unions
                .get(&union)
                .into_iter()
                .flat_map(|properties| properties.counts.keys())
            {
                if exclusive.contains(&union) {
                    break;
                }
                if declares(self.sampler, object, name) || !self.disputes(Some(id), name, &values()) {
                    continue;
                }
                if self.reads_null(Some(id), name) {
                    additions.push((self.sampler.target(Some(id)), Addition::Null((*name).clone())));
                } else {
                    exclusive.insert(union);
                }
            }
        }
        let exclusive = exclusive.into_iter().map(|union| (union, Addition::Exclusive));
        additions.into_iter().chain(exclusive).collect()
    }

    fn reads_null(&self, step: Option<StepId>, name: &str) -> bool {
        let objects = self.bases(step).into_iter().map(|base| with(&base, name, Value::Null));
        let mut payloads = objects.filter_map(|object| self.sampler.through(step, Value::Object(object)));
        payloads.any(|payload| (self.reads)(&payload))
    }

    /// The names for which the type asks in an object although the schema does not declare them.
    fn aliases(&self, names: &Names, closed: &BTreeSet<NodeId>) -> Vec<(NodeId, Addition)> {
        let mut found = Vec::new();
        for step in self.sampler.places() {
            let node = self.sampler.target(step);
            let Some(object) = self.open(step).filter(|_| !closed.contains(&node)) else {
                continue;
            };
            let mut asked = names.at(&self.sampler.path(step));
            asked.retain(|name| !declares(self.sampler, object, name));
            if asked.is_empty() {
                continue;
            }
            let outer = step.and_then(|id| self.sampler.graph().step(id)).map(|step| step.from);
            let of_alternatives = outer.map(|outer| Properties::of(self.sampler, outer).counts);
            for name in asked.into_iter().map(str::to_owned) {
                let is_of_alternative = of_alternatives.as_ref().is_some_and(|names| names.contains_key(&name));
                let disputed = !is_of_alternative && self.disputes(step, &name, &values());
                let addition = (node, Addition::Absent(name));
                if disputed && !found.contains(&addition) {
                    found.push(addition);
                }
            }
        }
        found
    }
}

/// Values of several types. A property that the type reads refuses at least one of them.
fn values() -> [Value; 5] {
    [json!(1), json!("a"), json!(true), json!([]), json!({})]
}

fn with(object: &Map<String, Value>, name: &str, value: Value) -> Map<String, Value> {
    // The new property comes first, as in `Content::With`.
    let others = object.iter().filter(|(other, _)| *other != name);
    let others = others.map(|(name, value)| (name.clone(), value.clone()));
    std::iter::once((name.to_owned(), value)).chain(others).collect()
}

fn extended<'n>(step: Option<StepId>, names: impl IntoIterator<Item = &'n str>, value: &Value) -> Trial {
    let properties = names.into_iter().map(|name| (name.to_owned(), value.clone()));
    Trial {
        step,
        content: Content::With(properties.collect()),
    }
}
