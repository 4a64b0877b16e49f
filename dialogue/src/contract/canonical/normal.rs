//! The nodes of a graph, written in one way: schemas that apply together become one node where that is possible, and
//! alternatives become one flat list.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::graph::{Graph, Node};
use super::tidy::{TYPES, is_of_types, restricts, sort_values, tidy, types_of};
use super::together::{can_merge, joined};

/// Arrays of a fixed length up to this are written like tuples.
const LONGEST_TUPLE: u64 = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    Started,
    Done,
}

impl Graph {
    /// Writes all nodes in one way.
    pub(super) fn normalise(&mut self) {
        self.nodes.iter_mut().for_each(tidy);
        let mut progress = vec![Progress::Waiting; self.nodes.len()];
        let mut next = 0;
        // The graph may grow meanwhile, by nodes that are finished already.
        while next < progress.len() {
            self.node(next, &mut progress);
            next += 1;
        }
        self.drop_unread_defaults();
    }

    /// Writes a node in one way, after the nodes that describe the same value.
    fn node(&mut self, id: usize, progress: &mut Vec<Progress>) {
        if progress[id] != Progress::Waiting {
            return;
        }
        progress[id] = Progress::Started;
        self.alternatives(id, false, progress);
        self.alternatives(id, true, progress);
        if self.conjunction(id, progress) {
            self.split_types(id, progress);
            self.alternatives(id, false, progress);
            self.distribute(id, progress);
            self.items(id);
            tidy(&mut self.nodes[id]);
        }
        progress[id] = Progress::Done;
    }

    /// Makes one node of all schemas that apply together. If one node cannot say what all of them say, the node only lists
    /// them, and the result is `false`. Merging only some would depend on their order.
    fn conjunction(&mut self, id: usize, progress: &mut Vec<Progress>) -> bool {
        let listed = std::mem::take(&mut self.nodes[id].all_of);
        let mut flat = BTreeSet::new();
        for target in listed {
            self.node(target, progress);
            let node = &self.nodes[target];
            match node.all_of.as_slice() {
                [] if node.is_anything() => {}
                all if !all.is_empty() && is_only_all_of(node) => flat.extend(all.iter().copied()),
                _ => drop(flat.insert(target)),
            }
        }
        if flat.is_empty() {
            return true;
        }
        // A schema that leads back to itself stays as it is.
        let is_open = flat.iter().any(|target| progress[*target] == Progress::Started);
        let default = self.nodes[id].words.remove("default");
        let own = std::mem::take(&mut self.nodes[id]);
        let others: Vec<&Node> = flat.iter().map(|target| &self.nodes[*target]).collect();
        let all: Vec<&Node> = std::iter::once(&own).chain(others.iter().copied()).collect();
        let fit = (1..all.len()).all(|at| all[..at].iter().all(|one| can_merge(one, all[at])));
        let is_one = !is_open && (fit || all.iter().any(|node| node.is_never));
        let mut node = if is_one {
            others.into_iter().fold(own, joined)
        } else {
            if !own.is_anything() {
                let own = self.add(own);
                progress.push(Progress::Waiting);
                self.node(own, progress);
                flat.insert(own);
            }
            Node {
                all_of: flat.into_iter().collect(),
                ..Node::default()
            }
        };
        if let Some(default) = default {
            node.words.insert("default".to_owned(), default);
        }
        self.nodes[id] = node;
        is_one
    }

    /// Writes a node for several types as alternatives, one for each type.
    fn split_types(&mut self, id: usize, progress: &mut Vec<Progress>) {
        let node = &self.nodes[id];
        let Some(Value::Array(_)) = node.words.get("type") else {
            return;
        };
        let says_more = node.any_of.is_some() || node.one_of.is_some() || !node.all_of.is_empty();
        let is_general = |keyword: &str| !matches!(keyword, "type" | "default") && !is_of_types(keyword);
        let keywords = node.words.keys().chain(node.parts.keys().map(|(keyword, _)| keyword));
        if says_more || keywords.into_iter().any(|keyword| is_general(keyword)) {
            return;
        }
        let kinds = types_of(&node.words["type"]);
        let default = node.words.get("default").cloned();
        let whole = node.clone();
        let mut alternatives = Vec::new();
        for kind in kinds.iter().filter(|kind| TYPES.iter().any(|(known, _)| known == kind)) {
            let mut one = whole.clone();
            one.words.retain(|word, _| word != "default" && restricts(word, kind));
            one.parts.retain(|(keyword, _), _| restricts(keyword, kind));
            if !restricts("prefixItems", kind) {
                one.prefix.clear();
            }
            one.words.insert("type".to_owned(), json!(kind));
            tidy(&mut one);
            alternatives.push(self.done(one, progress));
        }
        let mut node = Node {
            any_of: Some(alternatives),
            ..Node::default()
        };
        node.words
            .extend(default.map(|default| ("default".to_owned(), default)));
        self.nodes[id] = node;
    }

    /// Writes the alternatives of a node as one flat list.
    fn alternatives(&mut self, id: usize, only_one: bool, progress: &mut Vec<Progress>) {
        let group = |node: &mut Node| {
            if only_one {
                node.one_of.take()
            } else {
                node.any_of.take()
            }
        };
        let Some(listed) = group(&mut self.nodes[id]) else {
            return;
        };
        let mut flat = Vec::new();
        for target in listed {
            self.node(target, progress);
            let node = &self.nodes[target];
            match &node.any_of {
                Some(inner) if !only_one && is_only_any_of(node) => flat.extend(inner.iter().copied()),
                _ => flat.push(target),
            }
        }
        flat.retain(|target| !self.nodes[*target].is_never);
        if !only_one {
            let mut seen = BTreeSet::new();
            flat.retain(|target| seen.insert(*target));
            let accepts_all = flat.iter().any(|target| self.nodes[*target].is_anything());
            if accepts_all && !self.has_leftovers {
                return;
            }
        }
        self.join_values(&mut flat, only_one, progress);
        match flat.as_slice() {
            [] => self.nodes[id] = Node::never(),
            [only] => self.nodes[id].all_of.push(*only),
            _ if only_one => self.nodes[id].one_of = Some(flat),
            _ => self.nodes[id].any_of = Some(flat),
        }
    }

    /// Moves keywords next to alternatives into the alternatives. `Option<Name>` with a length has them next to the
    /// alternatives, and `Option<String>` with a length has them next to a list of types.
    fn distribute(&mut self, id: usize, progress: &mut Vec<Progress>) {
        let node = &self.nodes[id];
        let Some(alternatives) = node.any_of.clone() else {
            return;
        };
        let mut beside = Node::default();
        let words = node.words.iter().filter(|(word, _)| *word != "default");
        beside
            .words
            .extend(words.map(|(word, value)| (word.clone(), value.clone())));
        let is_simple = is_only_any_of(&Node {
            words: BTreeMap::default(),
            ..node.clone()
        });
        let are_of_types = beside.words.keys().all(|word| is_of_types(word));
        let are_open = alternatives.iter().any(|target| progress[*target] == Progress::Started);
        if beside.words.is_empty() || !is_simple || !are_of_types || are_open {
            return;
        }
        let merged: Option<Vec<Node>> = alternatives
            .iter()
            .map(|target| {
                let mut one = beside.clone();
                if let Some(kind) = self.nodes[*target].words.get("type").and_then(Value::as_str) {
                    one.words.retain(|word, _| restricts(word, kind));
                }
                if one.words.is_empty() {
                    return Some(self.nodes[*target].clone());
                }
                let has_kind = ["type", "enum"]
                    .iter()
                    .any(|word| self.nodes[*target].words.contains_key(*word));
                (has_kind && can_merge(&one, &self.nodes[*target])).then(|| joined(one, &self.nodes[*target]))
            })
            .collect();
        let Some(merged) = merged else {
            return;
        };
        let alternatives = merged.into_iter().map(|node| self.done(node, progress)).collect();
        let node = &mut self.nodes[id];
        node.words.retain(|word, _| word == "default");
        node.any_of = Some(alternatives);
        self.alternatives(id, false, progress);
    }

    /// Joins the alternatives that only list values.
    fn join_values(&mut self, flat: &mut Vec<usize>, only_one: bool, progress: &mut Vec<Progress>) {
        let listed = |node: &Node| match node.words.get("enum") {
            Some(Value::Array(values)) if is_only_words(node) && node.words.len() == 1 => Some(values.clone()),
            _ => None,
        };
        let lists: Vec<Vec<Value>> = flat.iter().filter_map(|target| listed(&self.nodes[*target])).collect();
        if lists.len() < 2 {
            return;
        }
        let values = lists.concat();
        let mut joined = Node::default();
        joined.words.insert("enum".to_owned(), values.clone().into());
        sort_values(&mut joined);
        let distinct = joined.words["enum"].as_array().map_or(0, Vec::len);
        // A value that two alternatives list satisfies none of a `oneOf`.
        if only_one && distinct != values.len() {
            return;
        }
        flat.retain(|target| listed(&self.nodes[*target]).is_none());
        let joined = self.done(joined, progress);
        flat.push(joined);
    }

    /// Writes arrays of a short, fixed length like tuples, and leaves out the schemas of items beyond the maximum.
    fn items(&mut self, id: usize) {
        // An item without instances ends the array before it.
        let end = self.nodes[id].prefix.iter().position(|item| self.nodes[*item].is_never);
        let node = &mut self.nodes[id];
        if let Some(end) = end {
            let limit = node.words.get("maxItems").and_then(Value::as_u64);
            let most = limit.map_or(end as u64, |limit| limit.min(end as u64));
            node.words.insert("maxItems".to_owned(), json!(most));
        }
        let limit = |word: &str| node.words.get(word).and_then(Value::as_u64);
        let (least, most) = (limit("minItems").unwrap_or(0), limit("maxItems"));
        let Some(most) = most else {
            return;
        };
        let items = ("items".to_owned(), String::new());
        if let Some(item) = node.parts.get(&items).copied()
            && least == most
            && most <= LONGEST_TUPLE
        {
            while (node.prefix.len() as u64) < most {
                node.prefix.push(item);
            }
        }
        if node.prefix.len() as u64 >= most {
            node.parts.remove(&items);
            node.prefix.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        }
    }

    /// Adds a node that is written in one way already.
    fn done(&mut self, node: Node, progress: &mut Vec<Progress>) -> usize {
        progress.push(Progress::Done);
        self.add(node)
    }

    /// Leaves out defaults that are not those of a property that may be absent.
    fn drop_unread_defaults(&mut self) {
        let mut is_read = vec![false; self.nodes.len()];
        for node in &self.nodes {
            let is_required = |name: &str| match node.words.get("required") {
                Some(Value::Array(names)) => names.iter().any(|required| required == name),
                _ => false,
            };
            for ((keyword, name), to) in &node.parts {
                is_read[*to] |= keyword == "properties" && !is_required(name);
            }
        }
        for (node, is_read) in self.nodes.iter_mut().zip(is_read) {
            if !is_read {
                node.words.remove("default");
            }
        }
    }
}

fn is_only_all_of(node: &Node) -> bool {
    node.words.keys().all(|word| word == "default")
        && node.parts.is_empty()
        && node.prefix.is_empty()
        && node.any_of.is_none()
        && node.one_of.is_none()
}

/// Whether a node consists of one list of alternatives. A default is that of the place, not of the alternatives.
fn is_only_any_of(node: &Node) -> bool {
    node.words.keys().all(|word| word == "default")
        && node.parts.is_empty()
        && node.prefix.is_empty()
        && node.one_of.is_none()
        && node.all_of.is_empty()
}

fn is_only_words(node: &Node) -> bool {
    node.parts.is_empty()
        && node.prefix.is_empty()
        && node.any_of.is_none()
        && node.one_of.is_none()
        && node.all_of.is_empty()
}
