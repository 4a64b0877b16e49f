//! The schemas of a document as a graph: each schema once, with the schemas that it contains.
//!
//! Built once in linear time, so that nothing below has to follow JSON Pointers again. Knows nothing about instances.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::walk::{self, Edge};

/// A schema, by its index in the graph. The root is 0.
pub(super) type NodeId = usize;

/// A step, by its index in the graph.
pub(super) type StepId = usize;

/// The root of every document.
pub(super) const ROOT: NodeId = 0;

/// A schema that another contains directly: `to` is a subschema of `from`, or the target of its reference.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) from: NodeId,
    pub(super) edge: Edge,
    pub(super) kind: StepKind,
    pub(super) to: NodeId,
}

/// What a step contributes to an instance of its outer schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepKind {
    /// A property or an item.
    Part,
    /// The whole instance: the target of a reference, or a schema of an `allOf`.
    Whole,
    /// The whole instance, if none of the other `anyOf` schemas is.
    AnyOf,
    /// The whole instance, if none of the other `oneOf` schemas is.
    OneOf,
}

struct Node<'s> {
    at: String,
    schema: &'s Value,
    /// Where its steps begin and end among all steps.
    steps: (StepId, StepId),
    /// The last step of a shortest path from the root.
    way: Option<StepId>,
}

/// The graph of one document.
pub(super) struct SchemaGraph<'s> {
    nodes: Vec<Node<'s>>,
    steps: Vec<Step>,
}

impl<'s> SchemaGraph<'s> {
    pub(super) fn new(root: &'s Value) -> Self {
        let node = |at: String, schema, way| Node {
            at,
            schema,
            steps: (0, 0),
            way,
        };
        let mut nodes = vec![node(String::new(), root, None)];
        let mut steps: Vec<Step> = Vec::new();
        let mut known = HashMap::from([(String::new(), ROOT)]);
        let mut from = ROOT;
        while let Some(Node { at, schema, .. }) = nodes.get(from) {
            let (at, schema) = (at.clone(), *schema);
            let first = steps.len();
            for (edge, kind, to, target) in contained(root, &at, schema) {
                let next = nodes.len();
                let id = *known.entry(to).or_insert_with_key(|to| {
                    nodes.push(node(to.clone(), target, Some(steps.len())));
                    next
                });
                steps.push(Step {
                    from,
                    edge,
                    kind,
                    to: id,
                });
            }
            if let Some(node) = nodes.get_mut(from) {
                node.steps = (first, steps.len());
            }
            from += 1;
        }
        Self { nodes, steps }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// All steps, nearest to the root first.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(super) fn step(&self, id: StepId) -> Option<&Step> {
        self.steps.get(id)
    }

    /// The steps that leave a schema.
    pub(super) fn steps_from(&self, node: NodeId) -> impl Iterator<Item = (StepId, &Step)> {
        let (first, end) = self.nodes.get(node).map_or((0, 0), |node| node.steps);
        (first..end).filter_map(|id| Some((id, self.steps.get(id)?)))
    }

    /// The JSON Pointer of a schema.
    pub(super) fn at(&self, node: NodeId) -> &str {
        self.nodes.get(node).map_or("", |node| &node.at)
    }

    pub(super) fn schema(&self, node: NodeId) -> &'s Value {
        #[cfg(test)]
        super::cost::visit_schema();
        self.holder(node)
    }

    /// The same for a schema in which only the path to a part matters. Tests do not count it as work.
    pub(super) fn holder(&self, node: NodeId) -> &'s Value {
        self.nodes.get(node).map_or(&Value::Null, |node| node.schema)
    }

    /// The keywords of a schema. `None` for a boolean schema.
    pub(super) fn keywords(&self, node: NodeId) -> Option<&'s Map<String, Value>> {
        self.schema(node).as_object()
    }

    /// The last step of a shortest path from the root.
    pub(super) fn way(&self, node: NodeId) -> Option<StepId> {
        self.nodes.get(node)?.way
    }

    /// Whether a step is part of the shortest path to its target. A schema is reached by one such step.
    pub(super) fn is_way(&self, id: StepId) -> bool {
        self.step(id).is_some_and(|step| self.way(step.to) == Some(id))
    }

    /// A schema that leads back to itself along steps that are the whole instance, if there is one.
    pub(super) fn endless(&self) -> Option<&str> {
        let mut seen = vec![Seen::No; self.len()];
        (0..self.len()).find_map(|node| self.leads_back(node, &mut seen))
    }

    fn leads_back(&self, node: NodeId, seen: &mut [Seen]) -> Option<&str> {
        match seen.get_mut(node)? {
            Seen::Done => return None,
            Seen::OnPath => return Some(self.at(node)),
            no => *no = Seen::OnPath,
        }
        let wholes = self.steps_from(node).filter(|(_, step)| step.kind != StepKind::Part);
        let found = wholes.map(|(_, step)| step.to).find_map(|to| self.leads_back(to, seen));
        if let Some(seen) = seen.get_mut(node) {
            *seen = Seen::Done;
        }
        found
    }
}

/// Whether a search has seen a schema.
#[derive(Clone, Copy)]
enum Seen {
    No,
    OnPath,
    Done,
}

/// The schemas that the schema at `at` contains, each with its JSON Pointer.
fn contained<'s>(root: &'s Value, at: &str, schema: &'s Value) -> Vec<(Edge, StepKind, String, &'s Value)> {
    let mut found = Vec::new();
    for (edge, step) in walk::children(schema) {
        let kind = match edge {
            Edge::Aside => continue,
            Edge::All => StepKind::Whole,
            Edge::Same if step.starts_with("/anyOf/") => StepKind::AnyOf,
            Edge::Same => StepKind::OneOf,
            _ => StepKind::Part,
        };
        if let Some(target) = schema.pointer(&step) {
            found.push((edge, kind, format!("{at}{step}"), target));
        }
    }
    if let Some(to) = walk::reference(schema)
        && let Some(target) = root.pointer(&to)
    {
        found.push((Edge::Same, StepKind::Whole, to, target));
    }
    found
}
