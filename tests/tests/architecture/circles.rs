//! Circles in a graph, and how they are reported.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

use super::imports::Graph;

/// The groups of nodes that all reach each other, each with its imports inside the group.
pub(crate) fn circles(graph: &Graph) -> Vec<Graph> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = graph
        .keys()
        .map(|node| (node.as_str(), reached_from(graph, node)))
        .collect();
    let mut groups: Vec<Graph> = Vec::new();
    for node in graph.keys() {
        if groups.iter().any(|group| group.contains_key(node)) {
            continue;
        }
        let is_mutual = |other: &str| reached[node.as_str()].contains(other) && reached[other].contains(node.as_str());
        if !is_mutual(node) {
            continue;
        }
        let group = graph
            .iter()
            .filter(|(other, _)| is_mutual(other))
            .map(|(other, imports)| {
                let inside = imports.iter().filter(|(to, _)| is_mutual(to));
                (
                    other.clone(),
                    inside.map(|(to, names)| (to.clone(), names.clone())).collect(),
                )
            });
        groups.push(group.collect());
    }
    groups
}

fn reached_from<'graph>(graph: &'graph Graph, start: &str) -> BTreeSet<&'graph str> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&str> = graph[start].keys().map(String::as_str).collect();
    while let Some(node) = waiting.pop() {
        if reached.insert(node) {
            waiting.extend(
                graph
                    .get(node)
                    .into_iter()
                    .flat_map(|imports| imports.keys().map(String::as_str)),
            );
        }
    }
    reached
}

/// A report of the circles: the shortest way round each, then every import inside it.
pub(crate) fn report(circles: &[Graph]) -> String {
    let mut report = String::new();
    for circle in circles {
        let _ = writeln!(
            report,
            "a circle of {}: {}",
            circle.len(),
            shortest(circle).join(" -> ")
        );
        for (from, imports) in circle {
            for (to, names) in imports {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                let _ = writeln!(report, "  {from} imports from {to}: {}", names.join(", "));
            }
        }
    }
    report
}

/// The shortest way from a node back to it.
fn shortest(circle: &Graph) -> Vec<&str> {
    let ways = circle.keys().filter_map(|start| {
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        let mut waiting = VecDeque::from([start.as_str()]);
        while let Some(node) = waiting.pop_front() {
            for next in circle[node].keys() {
                if next == start {
                    let mut way = vec![start.as_str(), node];
                    while way[way.len() - 1] != start {
                        way.push(before[way[way.len() - 1]]);
                    }
                    way.reverse();
                    return Some(way);
                }
                if !before.contains_key(next.as_str()) {
                    before.insert(next, node);
                    waiting.push_back(next);
                }
            }
        }
        None
    });
    ways.min_by_key(Vec::len).unwrap_or_default()
}
