//! A graph as a schema again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::graph::{Graph, Node};
use super::ranks::{ranks, steps};
use super::tidy::is_of_types;

/// The schema of a graph, and whether its form is final. A part with parts of its own becomes a definition
/// if it occurs several times.
pub(super) fn schema(graph: &Graph) -> (Value, bool) {
    let ranks = ranks(graph);
    let nodes: BTreeMap<usize, &Node> = ranks.iter().map(|(id, rank)| (*rank, &graph.nodes[*id])).collect();
    let mut uses: BTreeMap<usize, usize> = BTreeMap::new();
    for node in nodes.values() {
        let mut targets: Vec<_> = steps(node).into_iter().map(|(step, to)| (step, ranks[&to])).collect();
        targets.sort_unstable();
        targets.dedup_by(|one, other| one == other && one.0.0 != "oneOf");
        for (_, target) in targets {
            *uses.entry(target).or_default() += 1;
        }
    }
    let root = ranks[&0];
    let shared: BTreeSet<usize> = uses
        .into_iter()
        .filter(|(rank, uses)| {
            *uses > 1 && nodes[rank].targets().next().is_some() && folded(graph, nodes[rank]).is_none()
        })
        .map(|(rank, _)| rank)
        .collect();
    let mut writer = Writer {
        graph,
        ranks: &ranks,
        nodes: &nodes,
        shared: &shared,
        root,
        numbers: BTreeMap::new(),
        definitions: Map::new(),
        is_final: true,
    };
    let mut schema = writer.body(nodes[&root]);
    let is_final = writer.is_final;
    if let (false, Value::Object(keywords)) = (writer.definitions.is_empty(), &mut schema) {
        keywords.insert("$defs".to_owned(), writer.definitions.into());
    }
    schema.sort_all_objects();
    (schema, is_final)
}

struct Writer<'w> {
    graph: &'w Graph,
    ranks: &'w BTreeMap<usize, usize>,
    /// One node of each rank.
    nodes: &'w BTreeMap<usize, &'w Node>,
    /// The ranks that become definitions.
    shared: &'w BTreeSet<usize>,
    root: usize,
    /// The numbers of the definitions so far.
    numbers: BTreeMap<usize, usize>,
    definitions: Map<String, Value>,
    /// Whether the reader would read the written schema as the same graph.
    is_final: bool,
}

impl Writer<'_> {
    /// The schema of a part: a reference, or the part itself.
    fn part(&mut self, id: usize) -> Value {
        let rank = self.ranks[&id];
        if rank == self.root {
            return json!({ "$ref": "#" });
        }
        if !self.shared.contains(&rank) {
            return self.body(self.nodes[&rank]);
        }
        let number = match self.numbers.get(&rank) {
            Some(number) => *number,
            None => {
                let number = self.numbers.len() + 1;
                self.numbers.insert(rank, number);
                let body = self.body(self.nodes[&rank]);
                self.definitions.insert(number.to_string(), body);
                number
            }
        };
        json!({ "$ref": format!("#/$defs/{number}") })
    }

    fn body(&mut self, node: &Node) -> Value {
        if node.is_never {
            return Value::Bool(false);
        }
        if node.is_anything() {
            return Value::Bool(true);
        }
        if let Some(words) = folded(self.graph, node) {
            return Value::Object(words);
        }
        let mut keywords: Map<String, Value> = node.words.clone().into_iter().collect();
        if let Some(Value::Array(values)) = keywords.get("enum")
            && let [only] = values.as_slice()
        {
            let only = only.clone();
            keywords.remove("enum");
            keywords.insert("const".to_owned(), only);
        }
        for ((keyword, name), to) in &node.parts {
            let part = self.part(*to);
            // The reader writes these in another way. It could not see them through a reference.
            self.is_final &= !match keyword.as_str() {
                "items" => part == false,
                "not" => part.is_boolean(),
                "additionalProperties" => part == false && has_only_pattern(node),
                _ => false,
            };
            if matches!(
                keyword.as_str(),
                "properties" | "patternProperties" | "dependentSchemas"
            ) {
                keywords.entry(keyword).or_insert_with(|| json!({}))[name] = part;
            } else {
                keywords.insert(keyword.clone(), part);
            }
        }
        if !node.prefix.is_empty() {
            let items: Vec<Value> = node.prefix.iter().map(|to| self.part(*to)).collect();
            self.is_final &= !items.contains(&Value::Bool(false));
            keywords.insert("prefixItems".to_owned(), items.into());
        }
        let all_of = Some(&node.all_of).filter(|all| !all.is_empty());
        for (keyword, group) in [
            ("allOf", all_of),
            ("anyOf", node.any_of.as_ref()),
            ("oneOf", node.one_of.as_ref()),
        ] {
            let Some(group) = group else {
                continue;
            };
            let mut sorted = group.clone();
            sorted.sort_by_key(|id| self.ranks[id]);
            if keyword != "oneOf" {
                sorted.dedup_by_key(|id| self.ranks[id]);
                self.is_final &= sorted.len() == group.len();
            }
            let alternatives = sorted.into_iter().map(|to| self.part(to)).collect();
            keywords.insert(keyword.to_owned(), alternatives);
        }
        Value::Object(keywords)
    }
}

/// Whether a node describes a map whose keys match one pattern.
fn has_only_pattern(node: &Node) -> bool {
    let of = |wanted: &str| node.parts.keys().filter(|(keyword, _)| keyword == wanted).count();
    of("patternProperties") == 1 && of("properties") == 0 && of("propertyNames") == 0
}

/// The keywords of alternatives that differ in their type only, as one list of types.
fn folded(graph: &Graph, node: &Node) -> Option<Map<String, Value>> {
    let alternatives = node.any_of.as_ref()?;
    let is_only_list = node.words.keys().all(|word| word == "default")
        && node.targets().count() == alternatives.len()
        && node.one_of.is_none();
    if !is_only_list {
        return None;
    }
    let mut words: Map<String, Value> = node.words.clone().into_iter().collect();
    let mut kinds = BTreeSet::new();
    for alternative in alternatives.iter().map(|id| &graph.nodes[*id]) {
        let kind = match (alternative.words.get("type"), alternative.words.get("enum")) {
            (Some(Value::String(kind)), None) => kind.as_str(),
            (None, Some(values)) if *values == json!([null]) => "null",
            _ => return None,
        };
        let beside = alternative
            .words
            .iter()
            .filter(|(word, _)| !matches!(word.as_str(), "type" | "enum"));
        for (word, value) in beside {
            if !is_of_types(word) || words.insert(word.clone(), value.clone()).is_some() {
                return None;
            }
        }
        if alternative.targets().next().is_some() || !kinds.insert(kind) {
            return None;
        }
    }
    if kinds.contains("integer") && kinds.contains("number") {
        return None;
    }
    words.insert("type".to_owned(), json!(kinds));
    Some(words)
}
