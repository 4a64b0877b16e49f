//! What is wrong with data that is nested in alternatives: told in time that does not grow exponentially.
//!
//! The validator tells the errors of every alternative of a union, those of every alternative in them and so on. Where a
//! type holds itself in several of its variants, as the nodes of a document do, each level multiplies what there is to
//! tell: some hundred bytes from a client would keep the server busy for hours. Whether data is valid is found in linear
//! time; so, for such data, this goes the one way down on which it is not, and tells what is wrong at its end.

use std::collections::HashSet;

use jsonschema::ValidatorMap;
use serde_json::{Map, Value};

use super::validator;
use super::violation::{self, MORE_THAN_ONE, Violation, none_of};
use super::walk::{self, Edge};

/// How many visits of a schema to each value of the data, on average, the validator may need for its errors. A level of
/// nesting in a union of a dozen variants with some fields each is within it.
const VISITS_PER_VALUE: usize = 64;

/// The most visits altogether: some tens of milliseconds.
const MAX_VISITS: usize = 100_000;

/// How many schemas deep data is followed: further than JSON is nested when it is parsed (128), with a union and a few
/// references at each level. A schema that refers to nothing but itself has no end.
const MAX_DEPTH: usize = 1_000;

/// The validators of every schema in a recursive one.
pub(super) struct Narrow {
    validators: ValidatorMap,
}

impl Narrow {
    /// `None` for a schema that does not hold itself: its nesting, and with it what there is to tell, is its author's.
    pub(super) fn of(root: &Value) -> Option<Self> {
        walk::cycle(root, |_| true)?;
        let validators = validator::options().build_map(root).ok()?;
        Some(Self { validators })
    }

    /// The violations at the end of the first way down to one.
    pub(super) fn violations(&self, root: &Value, data: &Value) -> Vec<Violation> {
        let mut here = Here {
            at: String::new(),
            path: String::new(),
            value: data,
        };
        for _ in 0..MAX_DEPTH {
            here = match self.further(root, &here) {
                Further::Down(next) => next,
                Further::Stop(violation) => return vec![violation],
                Further::End => break,
            };
        }
        let Some(validator) = self.validators.get(&format!("#{}", here.at)) else {
            return vec![here.violation("type", "value is not of the form that is allowed here".to_owned())];
        };
        violation::violations(validator.iter_errors(here.value))
            .into_iter()
            .map(|below| Violation::new(format!("{}{}", here.path, below.path), &below.rule, below.message))
            .collect()
    }

    fn further<'d>(&self, root: &Value, here: &Here<'d>) -> Further<'d> {
        let unions = ["anyOf", "oneOf"].map(|keyword| (keyword, format!("{}/{keyword}/", here.at)));
        let (alternatives, parts): (Vec<_>, Vec<_>) = walk::held(root, &here.at)
            .into_iter()
            .partition(|(_, to)| unions.iter().any(|(_, prefix)| to.starts_with(prefix.as_str())));
        for (edge, to) in parts {
            let held = values(root, &here.at, here.value, &edge);
            if let Some((step, value)) = held.into_iter().find(|(_, value)| !self.accepts(&to, value)) {
                return Further::Down(Here {
                    at: to,
                    path: format!("{}{step}", here.path),
                    value,
                });
            }
        }
        for (keyword, prefix) in unions {
            let forms: Vec<&str> = alternatives
                .iter()
                .map(|(_, to)| to.as_str())
                .filter(|to| to.starts_with(&prefix))
                .collect();
            if let Some(further) = self.beyond_union(root, here, keyword, &forms) {
                return further;
            }
        }
        Further::End
    }

    /// The way on from a union of `forms`, if it refuses the value.
    fn beyond_union<'d>(&self, root: &Value, here: &Here<'d>, keyword: &str, forms: &[&str]) -> Option<Further<'d>> {
        let accepting = forms.iter().filter(|form| self.accepts(form, here.value)).count();
        match accepting {
            0 if forms.is_empty() => return None,
            0 => {}
            2.. if keyword == "oneOf" => {
                return Some(Further::Stop(here.violation(keyword, MORE_THAN_ONE.to_owned())));
            }
            _ => return None,
        }
        let mut meant = forms.iter().filter(|form| looks_like(root, form, here.value));
        Some(match (meant.next(), meant.next()) {
            (Some(only), None) => Further::Down(Here {
                at: (*only).to_owned(),
                path: here.path.clone(),
                value: here.value,
            }),
            _ => Further::Stop(here.violation(keyword, none_of(forms.len()))),
        })
    }

    pub(super) fn accepts(&self, at: &str, value: &Value) -> bool {
        let validator = self.validators.get(&format!("#{at}"));
        validator.is_none_or(|validator| validator.is_valid(value))
    }
}

/// A value of the data and the schema that refuses it.
struct Here<'d> {
    at: String,
    path: String,
    value: &'d Value,
}

impl Here<'_> {
    fn violation(&self, rule: &str, message: String) -> Violation {
        Violation::new(self.path.clone(), rule, message)
    }
}

enum Further<'d> {
    /// A part of the value, or a part of the schema, that is to blame.
    Down(Here<'d>),
    /// Nothing below tells more than this.
    Stop(Violation),
    /// What is wrong is wrong here.
    End,
}

/// Whether the validator would visit schemas so often for its errors that another way of telling them is called for.
pub(super) fn takes_long(root: &Value, data: &Value) -> bool {
    let mut left = count(data).saturating_mul(VISITS_PER_VALUE).clamp(1_000, MAX_VISITS);
    let here = Here {
        at: String::new(),
        path: String::new(),
        value: data,
    };
    !visit(root, &here, MAX_DEPTH, &mut left)
}

/// Visits a value with every schema that it meets; whether that was possible within `depth` and with the visits `left`.
fn visit(root: &Value, here: &Here<'_>, depth: usize, left: &mut usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    for (edge, at) in walk::held(root, &here.at) {
        for (_, value) in values(root, &here.at, here.value, &edge) {
            let Some(rest) = left.checked_sub(1) else {
                return false;
            };
            *left = rest;
            let next = Here {
                at: at.clone(),
                path: String::new(),
                value,
            };
            if !visit(root, &next, depth, left) {
                return false;
            }
        }
    }
    true
}

/// The values that an instance of the schema at `at` holds by `edge`, each with its step from it. Which undeclared
/// properties match a pattern is not looked at.
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

fn count(data: &Value) -> usize {
    1 + match data {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Whether a value may be meant as the alternative at `at`: its type, its tag and its properties are right, whatever is in
/// them.
fn looks_like(root: &Value, at: &str, value: &Value) -> bool {
    let Some(schema) = target(root, at) else {
        return true;
    };
    let Value::Object(fields) = value else {
        return could_be(root, at, value);
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let has_required = schema.get("required").and_then(Value::as_array).is_none_or(|names| {
        names
            .iter()
            .filter_map(Value::as_str)
            .all(|name| fields.contains_key(name))
    });
    let closed =
        schema.get("additionalProperties") == Some(&Value::Bool(false)) && !schema.contains_key("patternProperties");
    let declared = |name: &String| properties.is_some_and(|properties| properties.contains_key(name));
    could_be(root, at, value) && has_required && (!closed || fields.keys().all(declared))
}

/// Whether a value has the type of the schema at `at` and, if it is there, its tag.
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

/// The schema at `at`, or the one that it refers to.
fn target<'r>(root: &'r Value, at: &str) -> Option<&'r Map<String, Value>> {
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

fn types_of(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Null => &["null"],
        Value::Bool(_) => &["boolean"],
        Value::Number(_) => &["integer", "number"],
        Value::String(_) => &["string"],
        Value::Array(_) => &["array"],
        Value::Object(_) => &["object"],
    }
}
