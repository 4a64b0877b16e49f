//! Which nodes of a graph cannot be told apart, and an order of the others that depends only on what they say.

use std::collections::{BTreeMap, BTreeSet};

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
    let places: BTreeMap<usize, usize> = reached.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let steps = numbered_steps(graph, &reached, &places);
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
    let mut ranks = numbered(labels);
    loop {
        let refined = steps.iter().zip(&ranks).map(|(steps, rank)| {
            let mut seen: Vec<_> = steps.iter().map(|step| (step.number, ranks[step.to], step)).collect();
            seen.sort_unstable_by_key(|(number, to, _)| (*number, *to));
            // A repeated alternative means something only in `oneOf`.
            seen.dedup_by(|one, other| (one.0, one.1) == (other.0, other.1) && !one.2.may_repeat);
            let seen: Vec<_> = seen.into_iter().map(|(number, to, _)| (number, to)).collect();
            (*rank, seen)
        });
        let refined = numbered(refined);
        if refined.iter().max() == ranks.iter().max() {
            return reached.into_iter().zip(ranks).collect();
        }
        ranks = refined;
    }
}

/// A step in a form that compares fast.
struct NumberedStep {
    /// Numbers compare as the steps do.
    number: usize,
    may_repeat: bool,
    /// The place of the target among the reached nodes.
    to: usize,
}

fn numbered_steps(graph: &Graph, reached: &[usize], places: &BTreeMap<usize, usize>) -> Vec<Vec<NumberedStep>> {
    let steps: Vec<_> = reached.iter().map(|id| steps(&graph.nodes[*id])).collect();
    let all: BTreeSet<Step<'_>> = steps.iter().flatten().map(|(step, _)| *step).collect();
    let numbers: BTreeMap<Step<'_>, usize> = all.into_iter().zip(0..).collect();
    let numbered = |(step, to): &(Step<'_>, usize)| NumberedStep {
        number: numbers[step],
        may_repeat: step.0 == "oneOf",
        to: places[to],
    };
    steps.iter().map(|steps| steps.iter().map(numbered).collect()).collect()
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

/// A number for each key, in their order. Equal keys have the same number.
fn numbered<K: Ord>(keys: impl IntoIterator<Item = K>) -> Vec<usize> {
    let mut keyed: Vec<(K, usize)> = keys.into_iter().zip(0..).collect();
    keyed.sort_unstable();
    let mut numbers = vec![0; keyed.len()];
    let (mut number, mut before): (usize, Option<&K>) = (0, None);
    for (key, place) in &keyed {
        if before.is_some_and(|before| before != key) {
            number += 1;
        }
        before = Some(key);
        numbers[*place] = number;
    }
    numbers
}
