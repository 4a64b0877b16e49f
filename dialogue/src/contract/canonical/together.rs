//! Two nodes that apply to the same value, as one node.

use serde_json::Value;

use super::graph::Node;
use super::tidy::tidy;

/// A node that says what both say.
pub(super) fn joined(mut own: Node, other: &Node) -> Node {
    if own.is_never || other.is_never {
        return Node::never();
    }
    for (word, value) in &other.words {
        match (word.as_str(), own.words.get_mut(word)) {
            ("required", Some(Value::Array(names))) => {
                names.extend(value.as_array().into_iter().flatten().cloned());
            }
            (_, Some(_)) => {}
            (_, None) => drop(own.words.insert(word.clone(), value.clone())),
        }
    }
    own.parts
        .extend(other.parts.iter().map(|(step, to)| (step.clone(), *to)));
    if own.prefix.is_empty() {
        own.prefix.clone_from(&other.prefix);
    }
    own.any_of = own.any_of.take().or_else(|| other.any_of.clone());
    own.one_of = own.one_of.take().or_else(|| other.one_of.clone());
    own.all_of.extend(&other.all_of);
    tidy(&mut own);
    own
}

/// Whether one node can say what both say. The keywords of one node depend on each other.
pub(super) fn can_merge(own: &Node, other: &Node) -> bool {
    let words_agree = own.words.iter().all(|(word, value)| {
        matches!(word.as_str(), "required" | "default") || other.words.get(word).is_none_or(|other| other == value)
    });
    let parts_agree = own
        .parts
        .iter()
        .all(|(step, target)| other.parts.get(step).is_none_or(|other| other == target));
    let is_either =
        |has: fn(&Node) -> bool, also: fn(&Node) -> bool| (has(own) && also(other)) || (has(other) && also(own));
    let is_both = |has: fn(&Node) -> bool| has(own) && has(other);
    words_agree
        && parts_agree
        && !is_either(has_rest, has_names)
        && !is_both(has_items)
        && !is_either(|node| has(node, "contains"), has_counts)
        && !is_either(|node| has(node, "if"), |node| has(node, "then") || has(node, "else"))
        && !is_either(has_leftovers, |node| !node.is_anything())
        && !is_both(|node| node.any_of.is_some())
        && !is_both(|node| node.one_of.is_some())
}

fn has(node: &Node, keyword: &str) -> bool {
    node.parts.keys().any(|(own, _)| own == keyword)
}

fn has_rest(node: &Node) -> bool {
    has(node, "additionalProperties")
}

fn has_names(node: &Node) -> bool {
    has(node, "properties") || has(node, "patternProperties") || has_rest(node)
}

fn has_items(node: &Node) -> bool {
    has(node, "items") || !node.prefix.is_empty()
}

fn has_counts(node: &Node) -> bool {
    ["minContains", "maxContains"]
        .iter()
        .any(|word| node.words.contains_key(*word))
        || has(node, "contains")
}

fn has_leftovers(node: &Node) -> bool {
    has(node, "unevaluatedProperties") || has(node, "unevaluatedItems")
}
