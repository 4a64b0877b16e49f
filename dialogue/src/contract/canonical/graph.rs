//! A schema as a graph. Its nodes are the subschemas, and references lead directly to their targets.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::schema::publish::is_impossible;
use crate::schema::walk;

/// A schema as a graph. The first node is the whole schema.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    /// Whether some node has a rule for properties or items that no other keyword covers. Alternatives that accept
    /// anything cover them too.
    pub(super) has_leftovers: bool,
}

/// A subschema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// Whether it has no instances. Then it has nothing else.
    pub(super) is_never: bool,
    /// Its keywords without subschemas.
    pub(super) words: BTreeMap<String, Value>,
    /// Its subschemas, each under its keyword, and under a name if the keyword has several.
    pub(super) parts: BTreeMap<(String, String), usize>,
    /// The schemas of the first items.
    pub(super) prefix: Vec<usize>,
    pub(super) any_of: Option<Vec<usize>>,
    pub(super) one_of: Option<Vec<usize>>,
    /// The schemas that apply in addition, including the target of a reference.
    pub(super) all_of: Vec<usize>,
}

impl Graph {
    /// The graph of a schema. `None` if the meaning of a reference is not known.
    pub(super) fn of(schema: &Value) -> Option<Self> {
        let mut reader = Reader {
            graph: Self {
                nodes: Vec::new(),
                has_leftovers: false,
            },
            places: HashMap::new(),
            references: Vec::new(),
        };
        reader.read(schema, String::new())?;
        for (from, target) in reader.references {
            let to = *reader.places.get(&target)?;
            reader.graph.nodes[from].all_of.push(to);
        }
        Some(reader.graph)
    }

    /// Adds a node.
    pub(super) fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }
}

impl Node {
    /// A node without instances.
    pub(super) fn never() -> Self {
        Self {
            is_never: true,
            ..Self::default()
        }
    }

    /// Whether every value is an instance.
    pub(super) fn is_anything(&self) -> bool {
        *self == Self::default()
    }

    /// All nodes that this one leads to.
    pub(super) fn targets(&self) -> impl Iterator<Item = usize> {
        let groups = [&self.any_of, &self.one_of].into_iter().flatten().flatten();
        let all = self
            .parts
            .values()
            .chain(&self.prefix)
            .chain(groups)
            .chain(&self.all_of);
        all.copied()
    }
}

/// Whether a keyword tells people or programs about the data, and does not restrict it.
pub(super) fn is_remark(keyword: &str, value: &Value) -> bool {
    const REMARKS: [&str; 11] = [
        "$comment",
        "$schema",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
        "deprecated",
        "description",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    ];
    REMARKS.contains(&keyword) || keyword.starts_with("x-") || (keyword == "format" && is_width(value))
}

/// Whether a format only names a Rust type. The limits of its values are keywords of their own.
fn is_width(format: &Value) -> bool {
    const WIDTHS: [&str; 16] = [
        "int8", "int16", "int32", "int64", "int128", "int", "uint8", "uint16", "uint32", "uint64", "uint128", "uint",
        "float", "double", "char", "password",
    ];
    format.as_str().is_some_and(|format| WIDTHS.contains(&format))
}

/// Reads a schema into a graph.
struct Reader {
    graph: Graph,
    /// The node of each place, by its JSON Pointer.
    places: HashMap<String, usize>,
    /// The nodes with a reference, each with the place of its target.
    references: Vec<(usize, String)>,
}

impl Reader {
    /// Adds the node of the schema at a place, and those of its subschemas.
    fn read(&mut self, schema: &Value, at: String) -> Option<usize> {
        let id = self.graph.add(Node::default());
        let keywords = schema.as_object()?;
        let mut node = Node {
            is_never: is_impossible(schema),
            ..Node::default()
        };
        for (keyword, value) in keywords {
            if is_remark(keyword, value) {
                continue;
            }
            self.keyword(&mut node, id, keyword, value, &at)?;
        }
        self.places.insert(at, id);
        self.graph.nodes[id] = node;
        Some(id)
    }

    fn keyword(&mut self, node: &mut Node, id: usize, keyword: &str, value: &Value, at: &str) -> Option<()> {
        match (keyword, value) {
            ("$id" | "$anchor" | "$dynamicAnchor" | "$dynamicRef" | "$recursiveRef" | "$recursiveAnchor", _) => {
                return None;
            }
            ("$ref", _) => {
                let mut only = Map::new();
                only.insert(keyword.to_owned(), value.clone());
                self.references.push((id, walk::reference_in(&only)?));
            }
            ("$defs" | "definitions", Value::Object(map)) => {
                for (name, schema) in map {
                    self.read(schema, format!("{at}/{keyword}/{}", walk::escape(name)))?;
                }
            }
            ("properties" | "patternProperties" | "dependentSchemas", Value::Object(map)) => {
                for (name, schema) in map {
                    let part = self.read(schema, format!("{at}/{keyword}/{}", walk::escape(name)))?;
                    node.parts.insert((keyword.to_owned(), name.clone()), part);
                }
            }
            ("prefixItems", Value::Array(list)) => node.prefix = self.list(keyword, list, at)?,
            ("anyOf", Value::Array(list)) => node.any_of = Some(self.list(keyword, list, at)?),
            ("oneOf", Value::Array(list)) => node.one_of = Some(self.list(keyword, list, at)?),
            ("allOf", Value::Array(list)) => node.all_of.extend(self.list(keyword, list, at)?),
            ("additionalProperties" | "unevaluatedProperties", Value::Bool(false)) => {
                let part = self.graph.add(Node::never());
                node.parts.insert((keyword.to_owned(), String::new()), part);
            }
            (
                "items"
                | "additionalProperties"
                | "unevaluatedProperties"
                | "unevaluatedItems"
                | "contains"
                | "propertyNames"
                | "not"
                | "if"
                | "then"
                | "else",
                schema,
            ) => {
                let part = self.read(schema, format!("{at}/{keyword}"))?;
                node.parts.insert((keyword.to_owned(), String::new()), part);
            }
            _ => {
                let mut value = value.clone();
                value.sort_all_objects();
                node.words.insert(keyword.to_owned(), value);
            }
        }
        self.graph.has_leftovers |= keyword.starts_with("unevaluated");
        if node.is_never {
            *node = Node::never();
        }
        Some(())
    }

    fn list(&mut self, keyword: &str, list: &[Value], at: &str) -> Option<Vec<usize>> {
        list.iter()
            .enumerate()
            .map(|(index, schema)| self.read(schema, format!("{at}/{keyword}/{index}")))
            .collect()
    }
}
