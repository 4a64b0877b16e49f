//! The canonical form of a schema: two schemas have the same form if they differ only in ways that nobody can see on the
//! wire. The lock file and the fingerprint are made of it.
//!
//! `graph` reads a schema as a graph, and leaves out what is only for people. `normal` writes equal things in one way.
//! `ranks` finds the nodes that cannot be told apart, and puts the others in an order of their own. `write` makes a schema
//! of the graph again: a part that occurs in several places, or within itself, becomes a numbered definition.
//!
//! So none of these matters: the order of fields, variants and texts; the names of types; whether a type has a name of its
//! own or is written out where it is used; titles and descriptions.

mod graph;
mod normal;
mod ranks;
mod same_value;
mod tidy;
mod together;
mod write;

#[cfg(test)]
mod law;

use serde_json::Value;

use graph::Graph;

use crate::schema::publish;

/// The canonical form of a schema. Some schemas without a Rust type use keywords that change the meaning of references.
/// Such a schema only loses what is for people.
pub(super) fn canonical(schema: &Value) -> Value {
    let plain = publish::without_booleans(schema);
    match Graph::of(&plain) {
        Some(mut graph) => {
            graph.normalise();
            let (schema, is_final) = write::schema(&graph);
            // Alternatives that turned out to be equal have become one, for example, which is written in another way.
            if is_final { schema } else { canonical(&schema) }
        }
        None => {
            let mut bare = publish::rewrite(&plain, &mut |schema| match schema {
                Value::Object(keywords) => {
                    let kept = keywords
                        .into_iter()
                        .filter(|(keyword, value)| !graph::is_remark(keyword, value));
                    Value::Object(kept.collect())
                }
                other => other,
            });
            bare.sort_all_objects();
            bare
        }
    }
}
