//! Which nodes of a graph cannot be told apart, and an order of the others that depends only on what they say.

use std::collections::BTreeMap;

use super::graph::{Graph, Node};

/// A step from a node to another: the keyword, and the name or place of the part.
type Step<'g> = (&'g str, &'g str, usize);

/// The steps of a node, each with its target. Several steps may be the same.
pub(super) fn steps(node: &Node) -> Vec<(Step<'_>, usize)> {
    let parts = node
        .parts
        .iter()
        .map(|((keyword, name), to)| ((keyword.as_str(), name.as_str(), 0), *to));
    let prefix = node
        .prefix
        .iter()
        .enumerate()
        .map(|(at, to)| (("prefixItems", "", at), *to));
    let groups = [
        ("allOf", Some(&node.all_of)),
        ("anyOf", node.any_of.as_ref()),
        ("oneOf", node.one_of.as_ref()),
    ];
    let groups = groups
        .into_iter()
        .flat_map(|(keyword, group)| group.into_iter().flatten().map(move |to| ((keyword, "", 0), *to)));
    parts.chain(prefix).chain(groups).collect()
}

/// The rank of each node that the first node reaches. Two nodes have the same rank exactly if no path tells them apart.
/// The ranks of two nodes compare as what they say does, whatever else is in the graph.
pub(super) fn ranks(graph: &Graph) -> BTreeMap<usize, usize> {
    let reached = reached(graph);
    let steps: Vec<_> = reached.iter().map(|id| steps(&graph.nodes[*id])).collect();
    let labels = reached.iter().map(|id| {
        let node = &graph.nodes[*id];
        let words: Vec<(&String, String)> = node
            .words
            .iter()
            .map(|(word, value)| (word, value.to_string()))
            .collect();
        let groups = [&node.any_of, &node.one_of].map(Option::is_some);
        (node.is_never, words, groups)
    });
    let mut ranks = numbered(&reached, labels);
    loop {
        let refined = reached.iter().zip(&steps).map(|(id, steps)| {
            let mut seen: Vec<(Step<'_>, usize)> = steps.iter().map(|(step, to)| (*step, ranks[to])).collect();
            seen.sort_unstable();
            // A repeated alternative means something only in `oneOf`.
            seen.dedup_by(|one, other| one == other && one.0.0 != "oneOf");
            (ranks[id], seen)
        });
        let refined = numbered(&reached, refined.collect::<Vec<_>>());
        let count = |ranks: &BTreeMap<usize, usize>| ranks.values().max().copied();
        if count(&refined) == count(&ranks) {
            return ranks;
        }
        ranks = refined;
    }
}

/// The nodes that the first node reaches.
fn reached(graph: &Graph) -> Vec<usize> {
    let mut found = vec![0];
    let mut is_found = vec![false; graph.nodes.len()];
    is_found[0] = true;
    let mut next = 0;
    while let Some(&id) = found.get(next) {
        next += 1;
        for to in graph.nodes[id].targets() {
            if !std::mem::replace(&mut is_found[to], true) {
                found.push(to);
            }
        }
    }
    found
}

/// Numbers the nodes in the order of their keys. Nodes with equal keys have the same number.
fn numbered<K: Ord>(nodes: &[usize], keys: impl IntoIterator<Item = K>) -> BTreeMap<usize, usize> {
    let mut keyed: Vec<(K, usize)> = keys.into_iter().zip(nodes.iter().copied()).collect();
    keyed.sort_unstable();
    let mut numbers = BTreeMap::new();
    let (mut number, mut before): (usize, Option<&K>) = (0, None);
    for (key, node) in &keyed {
        if before.is_some_and(|before| before != key) {
            number += 1;
        }
        before = Some(key);
        numbers.insert(*node, number);
    }
    numbers
}
