//! The alternatives of a schema, written out: references are followed, and combinations are multiplied out.

use serde_json::{Map, Value};

use crate::schema::walk;

/// A schema that accepts any value. It stands in for a schema that is absent.
pub(super) static ANYTHING: Value = Value::Bool(true);

/// The maximum number of alternatives that are compared.
const MOST: usize = 256;

/// How deeply references and combinations may be nested before a property or an item follows.
const DEEPEST: usize = 64;

/// A set of keywords that all apply to an instance: one way to satisfy a schema. Their `$ref`, `allOf`, `anyOf` and
/// `oneOf` are already written out, so ignore these.
#[derive(Debug, Clone, Default)]
pub(super) struct Form<'s> {
    pub(super) parts: Vec<&'s Map<String, Value>>,
    /// The other alternatives of each `oneOf`. None of them may match.
    pub(super) rivals: Vec<&'s Value>,
}

impl<'s> Form<'s> {
    fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        add_new(&mut both.parts, &other.parts);
        add_new(&mut both.rivals, &other.rivals);
        both
    }

    /// The values of a keyword in all parts that have it.
    pub(super) fn all(&self, keyword: &str) -> impl Iterator<Item = &'s Value> {
        self.parts.iter().filter_map(move |part| part.get(keyword))
    }

    /// The strictest lower limit of a count.
    pub(super) fn at_least(&self, keyword: &str) -> u64 {
        self.all(keyword).filter_map(Value::as_u64).max().unwrap_or(0)
    }

    /// The strictest upper limit of a count.
    pub(super) fn at_most(&self, keyword: &str) -> u64 {
        self.all(keyword).filter_map(Value::as_u64).min().unwrap_or(u64::MAX)
    }

    /// The types that an instance may have.
    pub(super) fn types(&self) -> Vec<JsonType> {
        JSON_TYPES
            .into_iter()
            .filter(|kind| self.parts.iter().all(|part| kind.is_allowed_by(part)))
            .collect()
    }

    /// The instances, if the schema lists them.
    pub(super) fn values(&self) -> Option<Vec<&'s Value>> {
        let listed = |part: &&'s Map<String, Value>| match (part.get("const"), part.get("enum")) {
            (Some(constant), _) => Some(vec![constant]),
            (None, Some(Value::Array(values))) => Some(values.iter().collect()),
            _ => None,
        };
        self.parts.iter().filter_map(listed).min_by_key(Vec::len)
    }
}

/// Adds each part once. Otherwise a recursive type would collect the same parts again at each level.
fn add_new<'s, T>(own: &mut Vec<&'s T>, others: &[&'s T]) {
    for &other in others {
        if !own.iter().any(|own| std::ptr::eq(*own, other)) {
            own.push(other);
        }
    }
}

/// A type of JSON value. Integers are a type of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonType {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

/// Integers are numbers too, so a schema that allows both has the instances of both.
const JSON_TYPES: [JsonType; 7] = [
    JsonType::Null,
    JsonType::Boolean,
    JsonType::Integer,
    JsonType::Number,
    JsonType::String,
    JsonType::Array,
    JsonType::Object,
];

impl JsonType {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    fn is_allowed_by(self, schema: &Map<String, Value>) -> bool {
        !schema.contains_key("type")
            || walk::has_type(schema, self.name())
            || (self == Self::Integer && walk::has_type(schema, "number"))
    }

    /// Whether a value can have both types.
    pub(super) fn meets(self, other: Self) -> bool {
        let number = |kind: Self| matches!(kind, Self::Integer | Self::Number);
        self == other || (number(self) && number(other))
    }

    /// The type of a value. Every number counts as `Number`.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }
}

/// All forms of the values that satisfy all of `schemas`, which are parts of the document `root`. `None` if there are
/// too many, or if a reference leads nowhere.
pub(super) fn forms<'s>(root: &'s Value, schemas: &[&'s Value]) -> Option<Vec<Form<'s>>> {
    schemas.iter().try_fold(vec![Form::default()], |forms, schema| {
        multiplied(&forms, &expanded(root, schema, DEEPEST)?)
    })
}

fn expanded<'s>(root: &'s Value, schema: &'s Value, depth: usize) -> Option<Vec<Form<'s>>> {
    let depth = depth.checked_sub(1)?;
    let keywords = match schema {
        Value::Bool(true) => return Some(vec![Form::default()]),
        Value::Bool(false) => return Some(Vec::new()),
        Value::Object(keywords) => keywords,
        _ => return None,
    };
    let mut forms = vec![Form {
        parts: vec![keywords],
        rivals: Vec::new(),
    }];
    if keywords.contains_key("$ref") {
        let target = root.pointer(&walk::reference(schema)?)?;
        forms = multiplied(&forms, &expanded(root, target, depth)?)?;
    }
    for all in list(keywords, "allOf") {
        forms = multiplied(&forms, &expanded(root, all, depth)?)?;
    }
    for keyword in ["anyOf", "oneOf"] {
        if !keywords.contains_key(keyword) {
            continue;
        }
        let mut alternatives = Vec::new();
        for (at, one) in list(keywords, keyword).enumerate() {
            let mut found = expanded(root, one, depth)?;
            if keyword == "oneOf" {
                let rivals = list(keywords, keyword).enumerate().filter(|(other, _)| *other != at);
                let rivals: Vec<_> = rivals.map(|(_, rival)| rival).collect();
                found.iter_mut().for_each(|form| form.rivals.extend(&rivals));
            }
            alternatives.extend(found);
        }
        forms = multiplied(&forms, &alternatives)?;
    }
    Some(forms)
}

fn list<'s>(keywords: &'s Map<String, Value>, keyword: &str) -> impl Iterator<Item = &'s Value> + use<'s> {
    keywords.get(keyword).and_then(Value::as_array).into_iter().flatten()
}

fn multiplied<'s>(some: &[Form<'s>], others: &[Form<'s>]) -> Option<Vec<Form<'s>>> {
    if some.len() * others.len() > MOST {
        return None;
    }
    Some(
        some.iter()
            .flat_map(|one| others.iter().map(|other| one.with(other)))
            .collect(),
    )
}
