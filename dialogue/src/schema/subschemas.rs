//! The parts of a recursive schema, each with its own validator, and the values to which each part applies.

use std::collections::HashSet;

use jsonschema::{Validator, ValidatorMap};
use serde_json::{Map, Value};

use super::compile::compile_parts;
use super::pattern::WrittenPatterns;
use super::walk::{self, Edge};

/// The validators of all parts of a recursive schema.
pub(super) struct SubschemaValidators {
    validators: ValidatorMap,
    patterns: WrittenPatterns,
}

impl SubschemaValidators {
    /// `None` for a schema that does not contain itself. Its nesting is limited, so the number of errors is too.
    pub(super) fn of_recursive(root: &Value) -> Option<Self> {
        walk::cycle(root, |_| true)?;
        let (validators, patterns) = compile_parts(root).ok()?;
        Some(Self { validators, patterns })
    }

    /// The validator of the schema at `at`.
    pub(super) fn at(&self, at: &str) -> Option<&Validator> {
        self.validators.get(&format!("#{}", self.patterns.rewritten_place(at)))
    }

    /// The patterns that the errors of the validators name.
    pub(super) fn patterns(&self) -> &WrittenPatterns {
        &self.patterns
    }

    pub(super) fn accepts(&self, at: &str, value: &Value) -> bool {
        self.at(at).is_none_or(|validator| validator.is_valid(value))
    }
}

/// The values that an instance of the schema at `at` contains along `edge`, each with the step that leads to it.
/// Whether an undeclared property matches a pattern is not checked.
pub(super) fn values<'d>(root: &Value, at: &str, value: &'d Value, edge: &Edge) -> Vec<(String, &'d Value)> {
    match (edge, value) {
        (Edge::Same | Edge::All, value) => vec![(String::new(), value)],
        (Edge::Property(name), Value::Object(fields)) => {
            let step = format!("/{}", walk::escape(name));
            fields.get(name).map(|value| (step, value)).into_iter().collect()
        }
        (Edge::Pattern(_) | Edge::Additional, Value::Object(fields)) => {
            let declared = root.pointer(&format!("{at}/properties"));
            fields
                .iter()
                .filter(|(name, _)| declared.is_none_or(|declared| declared.get(*name).is_none()))
                .map(|(name, value)| (format!("/{}", walk::escape(name)), value))
                .collect()
        }
        (Edge::Prefix(index), Value::Array(items)) => {
            let item = items.get(*index);
            item.map(|item| (format!("/{index}"), item)).into_iter().collect()
        }
        (Edge::Item, Value::Array(items)) => {
            let prefix = root.pointer(&format!("{at}/prefixItems"));
            let prefix = prefix.and_then(Value::as_array).map_or(0, Vec::len);
            let items = items.iter().enumerate().skip(prefix);
            items.map(|(index, item)| (format!("/{index}"), item)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a value has the type of the schema at `at`. If the value has the schema's tag, the tag must match too.
pub(super) fn could_be(root: &Value, at: &str, value: &Value) -> bool {
    let Some(schema) = target(root, at) else {
        return true;
    };
    let is_type = !schema.contains_key("type") || types_of(value).iter().any(|kind| walk::has_type(schema, kind));
    let properties = schema.get("properties").and_then(Value::as_object);
    let has_tags = properties.into_iter().flatten().all(|(name, property)| {
        let tag = property.get("const");
        tag.is_none() || value.get(name).is_none_or(|found| Some(found) == tag)
    });
    is_type && has_tags && is_allowed(schema, value)
}

/// The schema at `at`, or the target of its reference.
pub(super) fn target<'r>(root: &'r Value, at: &str) -> Option<&'r Map<String, Value>> {
    let mut at = at.to_owned();
    let mut seen = HashSet::new();
    while let Some(target) = walk::reference_of(root, &at).filter(|_| seen.insert(at.clone())) {
        at = target;
    }
    root.pointer(&at)?.as_object()
}

fn is_allowed(schema: &Map<String, Value>, value: &Value) -> bool {
    let listed = schema.get("enum").and_then(Value::as_array);
    schema.get("const").is_none_or(|constant| constant == value) && listed.is_none_or(|listed| listed.contains(value))
}

pub(super) fn types_of(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Null => &["null"],
        Value::Bool(_) => &["boolean"],
        Value::Number(_) => &["integer", "number"],
        Value::String(_) => &["string"],
        Value::Array(_) => &["array"],
        Value::Object(_) => &["object"],
    }
}
