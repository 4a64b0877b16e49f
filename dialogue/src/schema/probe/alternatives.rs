//! The alternatives of a union and the properties that they declare.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::schema::graph::{NodeId, ROOT, Step, StepId, StepKind};
use crate::schema::sample::Sampler;
use crate::schema::walk;

/// Whether a schema has alternatives.
pub(super) fn is_union(sampler: &Sampler<'_>, node: NodeId) -> bool {
    alternatives(sampler, node).next().is_some()
}

/// The steps to the alternatives of a union.
pub(super) fn alternatives<'a>(sampler: &'a Sampler<'_>, node: NodeId) -> impl Iterator<Item = (StepId, &'a Step)> {
    let steps = sampler.graph().steps_from(node);
    steps.filter(|(_, step)| matches!(step.kind, StepKind::AnyOf | StepKind::OneOf))
}

/// The properties that the alternatives of a union declare.
pub(super) struct Properties<'s> {
    pub(super) alternatives: Vec<StepId>,
    /// The names of each alternative.
    names: Vec<Vec<&'s String>>,
    /// How many alternatives have a property of each name.
    pub(super) counts: BTreeMap<&'s String, usize>,
    /// The names that most alternatives have.
    frequent: Vec<&'s String>,
}

impl<'s> Properties<'s> {
    /// The maximum number of names that each alternative is tried with at first: all of nearly every union.
    const MOST_NAMES: usize = 64;

    pub(super) fn of(sampler: &Sampler<'s>, union: NodeId) -> Self {
        let graph = sampler.graph();
        let names_of = |node| {
            graph
                .keywords(node)
                .and_then(|schema| schema.get("properties")?.as_object())
        };
        let (alternatives, names): (Vec<_>, Vec<Vec<_>>) = alternatives(sampler, union)
            .map(|(id, step)| (id, names_of(step.to).into_iter().flat_map(Map::keys).collect()))
            .unzip();
        let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
        for name in names.iter().flatten() {
            *counts.entry(name).or_default() += 1;
        }
        let mut frequent: Vec<_> = counts.keys().copied().collect();
        frequent.sort_by_key(|name| std::cmp::Reverse(counts.get(name)));
        frequent.truncate(Self::MOST_NAMES);
        Self {
            alternatives,
            names,
            counts,
            frequent,
        }
    }

    /// Those of the next alternative and those that most alternatives have. If a type refuses a property of another
    /// alternative, one of these shows it.
    pub(super) fn most_telling(&self, index: usize) -> impl Iterator<Item = &'s str> {
        let next = self.names.get(index + 1).or_else(|| self.names.first());
        let next = next.into_iter().flatten().take(Self::MOST_NAMES);
        next.chain(&self.frequent).map(|name| name.as_str())
    }
}

/// Whether an object, or the target of its reference, declares a property.
pub(super) fn declares(sampler: &Sampler<'_>, object: &Map<String, Value>, name: &str) -> bool {
    let declared = |object: &Map<String, Value>| {
        let properties = object.get("properties");
        properties.is_some_and(|properties| properties.get(name).is_some())
    };
    let root = sampler.graph().schema(ROOT);
    let target = walk::reference_in(object).and_then(|target| root.pointer(&target)?.as_object());
    declared(object) || target.is_some_and(declared)
}
