//! Where in a schema a value of a sample belongs, and how people write this place.

use std::collections::HashSet;

use serde_json::Value;

use crate::schema::graph::{NodeId, ROOT, SchemaGraph, StepKind};
use crate::schema::subschemas::{could_be, types_of};
use crate::schema::walk::{self, Edge};

/// A place in a sample.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The schemas of the value there. A reference comes before its target, and a union before its alternatives.
    pub(super) nodes: Vec<NodeId>,
    /// The place as people write it: `items[].price`. It is empty for the whole sample.
    pub(super) field: String,
}

/// The place of a JSON Pointer into a sample. `None` if the pointer leads to nothing.
pub(super) fn place(graph: &SchemaGraph<'_>, payload: &Value, pointer: &str) -> Option<Place> {
    let mut value = payload;
    let mut place = Place {
        nodes: closure(graph, vec![ROOT], value),
        field: String::new(),
    };
    for step in pointer.split('/').skip(1) {
        let name = step.replace("~1", "/").replace("~0", "~");
        let (nodes, text) = part(graph, &place.nodes, value, &name);
        value = match value {
            Value::Array(items) => items.get(name.parse::<usize>().ok()?)?,
            value => value.get(&name)?,
        };
        place.nodes = closure(graph, nodes, value);
        place.field.push_str(&text);
    }
    Some(Place {
        field: place.field.trim_start_matches('.').to_owned(),
        ..place
    })
}

/// The schemas of one part of a value, and how people write the step to it.
pub(super) fn part(graph: &SchemaGraph<'_>, nodes: &[NodeId], value: &Value, name: &str) -> (Vec<NodeId>, String) {
    let index = name.parse::<usize>().ok().filter(|_| value.is_array());
    let (mut declared, mut others) = (Vec::new(), Vec::new());
    for (edge, to) in nodes
        .iter()
        .flat_map(|node| graph.steps_from(*node))
        .map(|(_, step)| (&step.edge, step.to))
    {
        match (edge, index) {
            (Edge::Property(property), None) if property == name => declared.push(to),
            (Edge::Prefix(place), Some(index)) if *place == index => declared.push(to),
            (Edge::Pattern(_) | Edge::Additional, None) | (Edge::Item, Some(_)) => others.push(to),
            _ => {}
        }
    }
    match (declared.is_empty(), index) {
        (true, None) => (others, ".*".to_owned()),
        (true, Some(_)) => (others, "[]".to_owned()),
        (false, None) => (declared, format!(".{name}")),
        (false, Some(index)) => (declared, format!("[{index}]")),
    }
}

/// All schemas of a value, given some of them: the targets of references and the alternatives that the value can be.
pub(super) fn closure(graph: &SchemaGraph<'_>, mut nodes: Vec<NodeId>, value: &Value) -> Vec<NodeId> {
    let root = graph.schema(ROOT);
    let mut seen: HashSet<NodeId> = nodes.iter().copied().collect();
    let mut next = 0;
    while let Some(node) = nodes.get(next).copied() {
        next += 1;
        for (_, step) in graph.steps_from(node) {
            let is_value = match step.kind {
                StepKind::Part => false,
                StepKind::Whole => true,
                StepKind::AnyOf | StepKind::OneOf => could_be(root, graph.at(step.to), value),
            };
            if is_value && seen.insert(step.to) {
                nodes.push(step.to);
            }
        }
    }
    nodes
}

/// The innermost of the schemas of a value that has its type.
pub(super) fn innermost(graph: &SchemaGraph<'_>, nodes: &[NodeId], value: &Value) -> NodeId {
    let typed = nodes.iter().rev().find(|node| {
        graph
            .keywords(**node)
            .is_some_and(|keywords| types_of(value).iter().any(|kind| walk::has_type(keywords, kind)))
    });
    typed.or(nodes.first()).copied().unwrap_or(ROOT)
}

/// The name of the type that a schema describes, and the place in it: `Order.items[].price`.
pub(super) fn written(graph: &SchemaGraph<'_>, field: &str) -> String {
    let title = graph.keywords(ROOT).and_then(|root| root.get("title")?.as_str());
    match (title.unwrap_or("data"), field) {
        (title, "") => title.to_owned(),
        (title, field) if field.starts_with('[') => format!("{title}{field}"),
        (title, field) => format!("{title}.{field}"),
    }
}

/// Whether a pointer leads to `inner` or to something that contains it.
pub(super) fn contains(outer: &str, inner: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The JSON Pointer of a property.
pub(super) fn property(at: &str, name: &str) -> String {
    format!("{at}/properties/{}", walk::escape(name))
}
