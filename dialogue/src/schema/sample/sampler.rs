//! What is known of the samples of one document, and what to try out in them. `assembly` makes the samples.
//!
//! Samples are usually valid, but need not be. Check a sample with the validator before you use it.

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::least::Least;
use super::pattern;
use super::scalar::{LONG, may_fit, numbers, strings, text};
use super::trial::Content;
use crate::schema::graph::{NodeId, ROOT, SchemaGraph, Step, StepId, StepKind};
use crate::schema::walk::{self, Edge};

/// Makes samples of one document.
pub(in crate::schema) struct Sampler<'s> {
    graph: SchemaGraph<'s>,
    sizes: Least,
    /// The smallest instance of each schema, once it is needed.
    least: RefCell<Vec<Option<Value>>>,
    /// The keys to use in maps whose schemas do not say which keys they have.
    keys: RefCell<HashMap<NodeId, String>>,
    /// The texts to use for strings whose schemas do not say which texts they are.
    texts: RefCell<HashMap<NodeId, String>>,
}

impl<'s> Sampler<'s> {
    pub(in crate::schema) fn new(root: &'s Value) -> Self {
        let graph = SchemaGraph::new(root);
        Self {
            sizes: Least::of(&graph),
            least: RefCell::new(vec![None; graph.len()]),
            keys: RefCell::default(),
            texts: RefCell::default(),
            graph,
        }
    }

    pub(in crate::schema) fn graph(&self) -> &SchemaGraph<'s> {
        &self.graph
    }

    /// The schema to which a step leads. Without a step, it is the root.
    pub(in crate::schema) fn target(&self, step: Option<StepId>) -> NodeId {
        step.and_then(|id| self.graph.step(id)).map_or(ROOT, |step| step.to)
    }

    /// No step, which stands for the root, and all steps, nearest to the root first.
    pub(in crate::schema) fn places(&self) -> impl Iterator<Item = Option<StepId>> + use<> {
        std::iter::once(None).chain((0..self.graph.steps().len()).map(Some))
    }

    /// Whether a schema has an instance of a reasonable size.
    pub(super) fn has_least(&self, node: NodeId) -> bool {
        self.sizes.exists(node)
    }

    /// The smallest instance of a schema, if it was made before.
    pub(super) fn known_least(&self, node: NodeId) -> Option<Value> {
        self.least.borrow().get(node).cloned().flatten()
    }

    pub(super) fn keep_least(&self, node: NodeId, least: &Value) {
        if let Some(place) = self.least.borrow_mut().get_mut(node) {
            *place = Some(least.clone());
        }
    }

    pub(super) fn requires(&self, step: StepId) -> bool {
        self.sizes.requires(step)
    }

    pub(super) fn chooses(&self, step: StepId) -> bool {
        self.sizes.chooses(step)
    }

    /// Sets the key of the entries of a map in samples, or takes it back.
    pub(in crate::schema) fn put_key(&self, map: NodeId, key: Option<&str>) {
        put(&self.keys, map, key);
        self.least.borrow_mut().fill(None);
    }

    /// The key that was set for a map.
    pub(in crate::schema) fn map_key(&self, map: NodeId) -> Option<String> {
        self.keys.borrow().get(&map).cloned()
    }

    /// Sets the text of a string in samples, or takes it back.
    pub(in crate::schema) fn put_text(&self, string: NodeId, text: Option<&str>) {
        put(&self.texts, string, text);
        self.least.borrow_mut().fill(None);
    }

    /// The smallest text of a string.
    pub(super) fn text(&self, string: NodeId) -> Option<Value> {
        if let Some(text) = self.texts.borrow().get(&string) {
            return Some(json!(text));
        }
        strings(self.graph.keywords(string)?).into_iter().next()
    }

    /// Sets the key of the entries of a map in samples.
    pub(in crate::schema) fn use_key(&self, map: NodeId, key: &str) {
        self.keys.borrow_mut().insert(map, key.to_owned());
    }

    /// The key under which a property of a map is put.
    pub(super) fn key(&self, step: &Step) -> Option<String> {
        match &step.edge {
            Edge::Property(name) => Some(name.clone()),
            // Every type of integer has this one, whatever its width.
            Edge::Pattern(integer) if integer == r"^\d+$" || integer == r"^-?\d+$" => Some("1".to_owned()),
            Edge::Pattern(pattern) => pattern::example(pattern, 0),
            Edge::Additional if let Some(key) = self.keys.borrow().get(&step.from) => Some(key.clone()),
            Edge::Additional => {
                let names = self.graph.keywords(step.from)?.get("propertyNames");
                let text = names.and_then(|names| text(self.graph.schema(ROOT), names));
                Some(text.unwrap_or_else(|| "key".to_owned()))
            }
            _ => None,
        }
    }

    /// The JSON Pointer at which [`through`](Self::through) puts an instance into its payload.
    pub(in crate::schema) fn path(&self, step: Option<StepId>) -> String {
        let mut steps = Vec::new();
        let mut last = step;
        while let Some(step) = last.and_then(|id| self.graph.step(id)) {
            steps.push(match &step.edge {
                Edge::Prefix(index) => Some(index.to_string()),
                Edge::Item => Some(self.prefix(step.from).to_string()),
                _ => self.key(step),
            });
            last = self.graph.way(step.from);
        }
        let names = steps.into_iter().rev().flatten();
        names.map(|name| format!("/{}", walk::escape(&name))).collect()
    }

    /// How many items of an array have a schema of their own.
    pub(super) fn prefix(&self, node: NodeId) -> usize {
        let prefix = self
            .graph
            .keywords(node)
            .and_then(|schema| schema.get("prefixItems")?.as_array());
        prefix.map_or(0, Vec::len)
    }

    /// What to try out at the place of a schema. Its parts are tried out at their own places.
    pub(in crate::schema) fn contents(&self, node: NodeId) -> Vec<Content> {
        let Some(keywords) = self.graph.keywords(node) else {
            return any_values().map(Content::Exactly).into();
        };
        let mut contents: Vec<Content> = self.values(keywords).into_iter().map(Content::Exactly).collect();
        let mut parts = self
            .graph
            .steps_from(node)
            .filter(|(_, step)| step.kind == StepKind::Part);
        let is_closed = |keyword| keywords.get(keyword) == Some(&Value::Bool(false));
        if !is_closed("additionalProperties") && !is_closed("unevaluatedProperties") {
            contents.extend(self.extensions(node).into_iter().map(Content::With));
        }
        if parts.any(|(id, _)| !self.requires(id)) {
            contents.push(Content::Bare);
        }
        if contents.is_empty() && self.graph.steps_from(node).next().is_none() {
            contents.extend(any_values().map(Content::Exactly));
        }
        contents
    }

    /// The simple values at the limits of a schema.
    fn values(&self, keywords: &Map<String, Value>) -> Vec<Value> {
        let mut values = variants(keywords);
        values.extend(keywords.get("const").cloned());
        values.retain(|variant| may_fit(keywords, variant));
        values
    }

    /// Instances at the limits of a schema, and some just beyond them. Those of its parts are not among them.
    pub(in crate::schema) fn variants(&self, node: NodeId) -> Vec<Value> {
        match self.graph.keywords(node) {
            Some(keywords) => {
                let instances = [self.least(node), self.full(node)].into_iter().flatten();
                instances.chain(variants(keywords)).collect()
            }
            None => any_values().into(),
        }
    }

    /// Undeclared properties to add to instances of a schema, one at a time.
    fn extensions(&self, node: NodeId) -> Vec<Map<String, Value>> {
        if !matches!(self.least(node), Some(Value::Object(_))) {
            return Vec::new();
        }
        let additional = self
            .graph
            .steps_from(node)
            .find(|(_, step)| step.edge == Edge::Additional);
        let value = match additional {
            Some((_, step)) => self.least(step.to).unwrap_or(Value::Null),
            None => Value::Bool(true),
        };
        let keys = ["key", "", "1", "é", "two words"].map(str::to_owned);
        let keys = keys.into_iter().chain(["a".repeat(LONG)]);
        keys.map(|key| Map::from_iter([(key, value.clone())])).collect()
    }
}

fn put(texts: &RefCell<HashMap<NodeId, String>>, node: NodeId, text: Option<&str>) {
    match text {
        Some(text) => drop(texts.borrow_mut().insert(node, text.to_owned())),
        None => drop(texts.borrow_mut().remove(&node)),
    }
}

/// Values for a schema that allows every value.
fn any_values() -> [Value; 6] {
    [
        json!(null),
        json!(true),
        json!(1.5),
        json!("a"),
        json!([{}]),
        json!({ "a": 1 }),
    ]
}

/// The simple values at the limits of a schema, and some just beyond them.
fn variants(keywords: &Map<String, Value>) -> Vec<Value> {
    let mut variants = Vec::new();
    if let Some(Value::Array(values)) = keywords.get("enum") {
        variants.extend(values.iter().cloned());
    }
    for (kind, instances) in [
        ("null", vec![json!(null)]),
        ("boolean", vec![json!(true), json!(false)]),
    ] {
        if walk::has_type(keywords, kind) {
            variants.extend(instances);
        }
    }
    if walk::has_type(keywords, "integer") || walk::has_type(keywords, "number") {
        variants.extend(numbers(keywords));
    }
    if walk::has_type(keywords, "string") {
        variants.extend(strings(keywords));
    }
    variants
}
