//! The size of the smallest instance of each schema, and the alternatives that it consists of.
//!
//! The sizes of all schemas are found together, from small to large, as Dijkstra's algorithm finds shortest paths. So
//! the time is almost linear, however the schemas refer to each other, and a recursive type ends with its smallest
//! alternative.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde_json::Value;

use super::scalar::{first_type, is_possible, required};
use crate::schema::graph::{NodeId, SchemaGraph, StepId, StepKind};
use crate::schema::walk::Edge;

/// The maximum number of values in a sample. A schema whose smallest instance has more counts as having none. Types that
/// each contain the next one twice reach it soon: their instances double with each type.
const MOST_VALUES: usize = 4_096;

/// How deeply a sample may be nested. JSON parsers refuse deeper data.
const MAX_DEPTH: usize = 120;

/// The smallest instances of the schemas in a graph.
pub(super) struct Least {
    /// The size of each schema's smallest instance, if it has one.
    sizes: Vec<Option<Size>>,
    /// The alternatives that are part of the smallest instance of their union.
    chosen: Vec<bool>,
    /// The steps to parts that every instance has.
    required: Vec<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Size {
    values: usize,
    depth: usize,
}

/// What the smallest instance of a schema consists of.
struct Need {
    /// Of these schemas, one is needed.
    any_of: Vec<StepId>,
    /// How many instances of it.
    times: usize,
    /// Whether it is a part, and not the whole instance.
    is_part: bool,
}

impl Least {
    pub(super) fn of(graph: &SchemaGraph<'_>) -> Self {
        let needs: Vec<Option<Vec<Need>>> = (0..graph.len()).map(|node| needs(graph, node)).collect();
        let mut least = Self {
            sizes: vec![None; graph.len()],
            chosen: vec![false; graph.steps().len()],
            required: vec![false; graph.steps().len()],
        };
        // The needs in which each schema occurs, and how many needs of each schema are not met yet.
        let mut users: Vec<Vec<(NodeId, usize, StepId)>> = vec![Vec::new(); graph.len()];
        let mut unmet: Vec<usize> = vec![0; graph.len()];
        let mut met: Vec<Vec<Option<Size>>> = vec![Vec::new(); graph.len()];
        let mut next = BinaryHeap::new();
        for (node, needs) in needs.iter().enumerate() {
            let Some(needs) = needs else {
                continue;
            };
            for (index, need) in needs.iter().enumerate() {
                for step in &need.any_of {
                    if let Some(required) = least.required.get_mut(*step) {
                        *required = need.is_part;
                    }
                    if let Some(user) = graph.step(*step).and_then(|step| users.get_mut(step.to)) {
                        user.push((node, index, *step));
                    }
                }
            }
            if let (Some(unmet), Some(met)) = (unmet.get_mut(node), met.get_mut(node)) {
                *unmet = needs.len();
                met.resize(needs.len(), None);
            }
            if needs.is_empty() {
                next.push(Reverse((Size { values: 1, depth: 0 }, node)));
            }
        }
        while let Some(Reverse((size, node))) = next.pop() {
            match least.sizes.get_mut(node) {
                Some(known @ None) => *known = Some(size),
                _ => continue,
            }
            for (user, index, step) in users.get(node).into_iter().flatten() {
                let (Some(met), Some(unmet), Some(Some(needs))) =
                    (met.get_mut(*user), unmet.get_mut(*user), needs.get(*user))
                else {
                    continue;
                };
                match met.get_mut(*index) {
                    Some(met @ None) => *met = Some(size),
                    _ => continue,
                }
                if let Some(chosen) = least.chosen.get_mut(*step) {
                    *chosen = true;
                }
                *unmet -= 1;
                if *unmet == 0
                    && let Some(size) = total(needs, met)
                {
                    next.push(Reverse((size, *user)));
                }
            }
        }
        least
    }

    /// Whether a schema has an instance, as far as is known.
    pub(super) fn exists(&self, node: NodeId) -> bool {
        self.sizes.get(node).is_some_and(Option::is_some)
    }

    /// Whether the smallest instance of the union from which an alternative's step leads is the alternative's.
    pub(super) fn chooses(&self, step: StepId) -> bool {
        self.chosen.get(step).copied().unwrap_or_default()
    }

    /// Whether every instance has the part to which a step leads.
    pub(super) fn requires(&self, step: StepId) -> bool {
        self.required.get(step).copied().unwrap_or_default()
    }
}

fn total(needs: &[Need], met: &[Option<Size>]) -> Option<Size> {
    let mut total = Size { values: 1, depth: 0 };
    for (need, met) in needs.iter().zip(met) {
        let size = (*met)?;
        total.values = total.values.saturating_add(size.values.saturating_mul(need.times));
        total.depth = total.depth.max(size.depth + usize::from(need.is_part));
    }
    (total.values <= MOST_VALUES && total.depth <= MAX_DEPTH).then_some(total)
}

/// What the smallest instance of a schema needs; `None` if it has no instance.
fn needs(graph: &SchemaGraph<'_>, node: NodeId) -> Option<Vec<Need>> {
    let schema = match graph.schema(node) {
        Value::Object(schema) => schema,
        Value::Bool(true) => return Some(Vec::new()),
        _ => return None,
    };
    if schema.contains_key("const") || schema.contains_key("enum") {
        return Some(Vec::new());
    }
    let kind = first_type(schema);
    if !is_possible(schema, kind) {
        return None;
    }
    let least_items = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
    let least_items = usize::try_from(least_items).unwrap_or(usize::MAX);
    let prefix = schema.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
    let required = required(schema);
    let mut needs = Vec::new();
    let (mut any_of, mut one_of) = (Vec::new(), Vec::new());
    for (id, step) in graph.steps_from(node) {
        let times = match (&step.edge, step.kind, kind) {
            (_, StepKind::AnyOf, _) => {
                any_of.push(id);
                continue;
            }
            (_, StepKind::OneOf, _) => {
                one_of.push(id);
                continue;
            }
            (_, StepKind::Whole, _) => 1,
            (Edge::Property(name), _, Some("object")) if required.contains(name.as_str()) => 1,
            (Edge::Prefix(index), _, Some("array")) if *index < least_items => 1,
            (Edge::Item, _, Some("array")) => least_items.saturating_sub(prefix),
            _ => 0,
        };
        if times > 0 {
            needs.push(Need {
                any_of: vec![id],
                times,
                is_part: step.kind == StepKind::Part,
            });
        }
    }
    for any_of in [any_of, one_of] {
        if !any_of.is_empty() {
            needs.push(Need {
                any_of,
                times: 1,
                is_part: false,
            });
        }
    }
    Some(needs)
}
