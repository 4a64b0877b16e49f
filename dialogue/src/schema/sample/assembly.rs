//! A sample with changes at some places. Everything else in it is as small as possible.

use serde_json::{Map, Value};

use super::sampler::Sampler;
use super::scalar::{first_type, numbers};
use super::trial::{Content, Trial};
use crate::schema::graph::{NodeId, ROOT, Step, StepId, StepKind};
use crate::schema::walk::Edge;

impl Sampler<'_> {
    /// The smallest instance of a schema; `None` if there is none of a reasonable size.
    pub(in crate::schema) fn least(&self, node: NodeId) -> Option<Value> {
        if !self.has_least(node) {
            return None;
        }
        if let Some(known) = self.known_least(node) {
            return Some(known);
        }
        let least = Assembly::default_of(self).instance(node, false)?;
        self.keep_least(node, &least);
        Some(least)
    }

    /// An instance with all properties, an item in an array, and an entry in a map. Its parts are small.
    pub(in crate::schema) fn full(&self, node: NodeId) -> Option<Value> {
        Assembly::default_of(self).instance(node, true)
    }

    /// A payload that contains `instance` at the end of `step`. Without a step, it is the instance.
    pub(in crate::schema) fn through(&self, step: Option<StepId>, instance: Value) -> Option<Value> {
        let content = Content::Exactly(instance);
        self.payload(&[&Trial { step, content }])
    }

    /// A payload that contains `instance` at the nearest place of a schema.
    pub(in crate::schema) fn carry(&self, node: NodeId, instance: Value) -> Option<Value> {
        self.through(self.graph().way(node), instance)
    }

    /// A payload with several changes, each at its place. They must not exclude each other (see [`super::rounds`]).
    pub(in crate::schema) fn payload(&self, trials: &[&Trial]) -> Option<Value> {
        Assembly::of(self, trials).payload()
    }
}

/// A sample to be made.
struct Assembly<'a, 's> {
    sampler: &'a Sampler<'s>,
    whole: Option<&'a Content>,
    /// The changes at the ends of steps.
    changes: Vec<Option<&'a Content>>,
    /// The steps on the paths to the changes.
    on_path: Vec<bool>,
}

impl<'a, 's> Assembly<'a, 's> {
    /// The sample without changes.
    pub(super) fn default_of(sampler: &'a Sampler<'s>) -> Self {
        Self {
            sampler,
            whole: None,
            changes: Vec::new(),
            on_path: Vec::new(),
        }
    }

    pub(super) fn of(sampler: &'a Sampler<'s>, trials: &[&'a Trial]) -> Self {
        let graph = sampler.graph();
        let mut assembly = Self {
            sampler,
            whole: None,
            changes: vec![None; graph.steps().len()],
            on_path: vec![false; graph.steps().len()],
        };
        for trial in trials {
            let change = match trial.step {
                Some(id) => assembly.changes.get_mut(id),
                None => Some(&mut assembly.whole),
            };
            if let Some(change) = change {
                *change = Some(&trial.content);
            }
            let mut last = trial.step;
            while let Some(id) = last
                && let Some(on_path @ false) = assembly.on_path.get_mut(id)
            {
                *on_path = true;
                last = graph.step(id).and_then(|step| graph.way(step.from));
            }
        }
        assembly
    }

    fn is_on_path(&self, step: StepId) -> bool {
        self.on_path.get(step).copied().unwrap_or_default()
    }

    pub(super) fn payload(&self) -> Option<Value> {
        changed(self.whole, || self.instance(ROOT, false))
    }

    /// What is at the end of a step. Changes further down apply only where a schema is nearest to the root.
    fn part(&self, id: StepId, step: &Step, full: bool) -> Option<Value> {
        if !self.is_on_path(id) && !full {
            return self.sampler.least(step.to);
        }
        changed(self.changes.get(id).copied().flatten(), || {
            if self.is_on_path(id) && self.sampler.graph().is_way(id) {
                self.instance(step.to, false)
            } else if full && step.kind != StepKind::Part {
                self.instance(step.to, true)
            } else {
                self.sampler.least(step.to)
            }
        })
    }

    /// An instance of a schema. A `full` one has all parts.
    pub(super) fn instance(&self, node: NodeId, full: bool) -> Option<Value> {
        let graph = self.sampler.graph();
        let schema = if self.on_path.is_empty() {
            graph.schema(node)
        } else {
            graph.holder(node)
        };
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
        let steps: Vec<_> = graph.steps_from(node).collect();
        let mut instance = match self.kind(schema, &steps) {
            Some("object") => Some(self.object(&steps, full)?),
            Some("array") => Some(self.array(node, schema, &steps, full)?),
            Some("string") => Some(self.sampler.text(node)?),
            Some("integer" | "number") => Some(numbers(schema).into_iter().next()?),
            Some("boolean") => Some(Value::Bool(false)),
            _ => None,
        };
        let wholes = steps.iter().filter(|(_, step)| step.kind == StepKind::Whole);
        let alternatives = [StepKind::AnyOf, StepKind::OneOf]
            .into_iter()
            .filter_map(|kind| self.alternative(&steps, kind));
        for (id, step) in wholes.chain(alternatives) {
            let part = self.part(*id, step, full)?;
            instance = Some(match instance {
                Some(instance) => merge(instance, part),
                None => part,
            });
        }
        Some(instance.unwrap_or(Value::Null))
    }

    /// The type of the instance. A change in a part decides among several types.
    fn kind<'t>(&self, schema: &'t Map<String, Value>, steps: &[(StepId, &Step)]) -> Option<&'t str> {
        let mut changed = steps.iter().filter(|(id, _)| self.is_on_path(*id));
        let of_changed = changed.find_map(|(_, step)| match step.edge {
            Edge::Property(_) | Edge::Pattern(_) | Edge::Additional => Some("object"),
            Edge::Item | Edge::Prefix(_) => Some("array"),
            _ => None,
        });
        of_changed.or_else(|| first_type(schema))
    }

    /// The alternative of a union with a change in it, or the smallest one.
    fn alternative<'i>(&self, steps: &'i [(StepId, &'i Step)], kind: StepKind) -> Option<&'i (StepId, &'i Step)> {
        let mut alternatives = steps.iter().filter(|(_, step)| step.kind == kind);
        let mut smallest = alternatives.clone();
        alternatives
            .find(|(id, _)| self.is_on_path(*id))
            .or_else(|| smallest.find(|(id, _)| self.sampler.chooses(*id)))
    }

    fn object(&self, steps: &[(StepId, &Step)], full: bool) -> Option<Value> {
        let mut object = Map::new();
        for (id, step) in steps {
            let is_needed = self.sampler.requires(*id);
            if step.kind != StepKind::Part || !(is_needed || full || self.is_on_path(*id)) {
                continue;
            }
            let Some(key) = self.sampler.key(step) else {
                continue;
            };
            match self.part(*id, step, full) {
                Some(value) => drop(object.insert(key, value)),
                None if is_needed => return None,
                None => {}
            }
        }
        Some(Value::Object(object))
    }

    fn array(&self, node: NodeId, schema: &Map<String, Value>, steps: &[(StepId, &Step)], full: bool) -> Option<Value> {
        let limit = |keyword| {
            let limit = schema.get(keyword).and_then(Value::as_u64);
            limit.and_then(|limit| usize::try_from(limit).ok())
        };
        let least = limit("minItems").unwrap_or(0);
        let most = limit("maxItems").unwrap_or(usize::MAX);
        let prefix = self.sampler.prefix(node);
        let place = |step: &Step| match step.edge {
            Edge::Prefix(index) => Some(index),
            Edge::Item => Some(prefix),
            _ => None,
        };
        let changed = steps.iter().filter(|(id, _)| self.is_on_path(*id));
        let changed = changed
            .filter_map(|(_, step)| place(step))
            .max()
            .map_or(0, |last| last + 1);
        let wanted = least.max(changed).max(usize::from(full && most > 0));
        let mut items = Vec::new();
        while items.len() < wanted {
            let index = items.len();
            let step = steps.iter().find(|(_, step)| place(step) == Some(index.min(prefix)));
            let item = match step {
                // Only the first of the items that have one schema is changed.
                Some((id, step)) if index <= prefix => self.part(*id, step, false),
                Some((_, step)) => self.sampler.least(step.to),
                None => Some(Value::Null),
            };
            match item {
                Some(item) => items.push(item),
                None if index >= least => break,
                None => return None,
            }
        }
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) && items.len() > 1 {
            let (_, step) = steps.iter().find(|(_, step)| step.edge == Edge::Item)?;
            let wanted = items.len();
            items.truncate(1);
            for variant in self.sampler.variants(step.to) {
                if items.len() < wanted && !items.contains(&variant) {
                    items.push(variant);
                }
            }
        }
        Some(Value::Array(items))
    }
}

/// A changed instance.
fn changed(change: Option<&Content>, instance: impl FnOnce() -> Option<Value>) -> Option<Value> {
    match change {
        Some(Content::Exactly(value)) => Some(value.clone()),
        Some(Content::With(properties)) => match instance() {
            Some(Value::Object(object)) => {
                // If maps keep their order (serde_json's feature `preserve_order`), a flattened enum reads the first name
                // that it knows.
                let added = properties.iter().filter(|(name, _)| !object.contains_key(*name));
                let mut whole: Map<_, _> = added.map(|(name, value)| (name.clone(), value.clone())).collect();
                whole.extend(object);
                Some(Value::Object(whole))
            }
            _ => None,
        },
        Some(Content::Bare | Content::Any) | None => instance(),
    }
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
