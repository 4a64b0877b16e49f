//! The reasons why a schema cannot be enforced.

use std::error::Error;

use super::violation::{Violation, list};

/// The reason why a schema cannot be enforced. Places are JSON Pointers into the schema, written as fragments
/// (`#/properties/id`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The schema does not compile. It is malformed, or contains a reference that leads outside.
    #[error("the schema does not compile at `#{at}`")]
    Invalid {
        /// Where in the schema.
        at: String,
        /// The error of the compiler.
        source: Box<dyn Error + Send + Sync>,
    },
    /// JavaScript rejects a pattern of the schema (`new RegExp(pattern, "u")`), or the pattern needs lookaround or
    /// backreferences, which cannot be matched in linear time.
    #[error("the pattern at `#{at}` cannot be used because of `{part}`")]
    Pattern {
        /// Where in the schema.
        at: String,
        /// The part of the pattern that is wrong.
        part: String,
        /// What is wrong with it, and what to write instead.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A pattern of the schema compiles to more memory than the validator allows.
    #[error("the pattern at `#{at}` needs too much memory: use smaller or fewer nested repetitions")]
    PatternTooLarge {
        /// Where in the schema.
        at: String,
    },
    /// The schema requires that a value be itself, so the type would never end to read it.
    #[error("the schema at `#{at}` refers to itself with nothing in between, so reading it would never end")]
    Endless {
        /// Where in the schema.
        at: String,
    },
    /// The schema has an integer of 128 bits. JSON parsers, both in clients and in this server, lose such numbers.
    #[error("the schema has a 128-bit integer at `#{at}`: use 64 bits or a string")]
    Integer128 {
        /// Where in the schema.
        at: String,
    },
    /// The schema has a map with integer keys in a place where serde cannot read them. Below a `flatten`, or in an
    /// untagged or internally tagged enum, serde sees keys as strings and does not parse them.
    #[error("the type cannot read the integer keys of the map at `#{at}`: use string keys or another enum tagging")]
    IntegerKeys {
        /// Where in the schema.
        at: String,
    },
    /// The type refuses data that its schema accepts. The published schema would therefore not be the enforced one.
    /// The [page about types](https://github.com/dialogue-rs/dialogue/blob/main/docs/types.md) has examples.
    #[error("the type refuses `{data}`, which its schema allows at {}: {remedy}", written(at, field, *in_keys))]
    RefusedByType {
        /// Where in the schema.
        at: String,
        /// The same place as people write it, such as `Order.items[].price`. `*` is any key of a map.
        field: Box<str>,
        /// Whether the type refuses a key of the map at this place.
        in_keys: bool,
        /// The refused value or key, as JSON. At most 200 characters.
        data: String,
        /// What to write: the attribute to add, and where.
        remedy: Box<str>,
        /// The type's error about the payload.
        source: Box<Violation>,
    },
    /// The type reads data, and writes it in a form that its outbound schema does not allow. Clients would therefore
    /// receive data that the published schema excludes.
    #[error(
        "the type writes `{data}` in a form that its schema does not allow at `#{at}` ({}): describe the form with \
         `#[schemars(…)]`",
        list(violations)
    )]
    WrittenDifferently {
        /// Where in the schema.
        at: String,
        /// A payload, as JSON, that the type reads. At most 200 characters.
        data: String,
        /// The faults in the form in which the type writes the payload.
        violations: Vec<Violation>,
    },
}

/// A place in a schema, for people.
fn written(at: &str, field: &str, in_keys: bool) -> String {
    let keys = if in_keys { "the keys of " } else { "" };
    if at.is_empty() {
        format!("{keys}`#`")
    } else {
        format!("{keys}`{field}` (`#{at}`)")
    }
}
