//! Which form of a union (`oneOf`, `anyOf`) the sender of a value meant.
//!
//! A derived enum is a union of its variants. In each representation of serde that has a tag, the tag names the variant:
//! the property that is a constant of the form (internally and adjacently tagged), the only required property
//! (externally tagged), or the string itself (a variant without content). Without a tag, the form is clear only if one
//! form fits better than all others. Only the schema and the outermost level of the value are read, so the work does not
//! grow with the nesting.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::subschemas::{target, types_of};
use super::walk;

/// How many names a message lists. A message has at most 512 bytes, so few more would fit.
const MAX_NAMES: usize = 10;

/// How many characters of a name are compared, because a client may send a long one. Two such names take about a
/// microsecond. The names of most variants are shorter.
const COMPARED_CHARS: usize = 32;

/// Why a value satisfies no form of a union.
#[derive(Debug, PartialEq)]
pub(super) enum Reason {
    /// The sender meant the form with this index, and the value breaks its rules.
    Form(usize),
    /// The tag is unknown or absent, or it is unclear which form the sender meant.
    Here {
        /// The step from the value to the tag: `/type`, or nothing.
        step: String,
        rule: &'static str,
        message: String,
    },
}

/// Why `value` satisfies no form of the union at `at`, which is the JSON Pointer of the array of forms. `keyword` is its
/// keyword.
pub(super) fn reason(root: &Value, at: &str, keyword: &'static str, value: &Value) -> Reason {
    let count = root.pointer(at).and_then(Value::as_array).map_or(0, Vec::len);
    let forms: Vec<Form<'_>> = (0..count).map(|index| Form::new(root, at, index)).collect();
    let found = match value {
        Value::Object(fields) => of_object(&forms, fields, keyword),
        Value::String(text) => of_string(&forms, text, keyword),
        _ => only(forms.iter().filter(|form| form.has_type_of(value))).map(|form| Reason::Form(form.index)),
    };
    found.unwrap_or_else(|| Reason::Here {
        step: String::new(),
        rule: keyword,
        message: none_of(count),
    })
}

/// A form of a union. Its keywords can be in two schemas: the form itself, and the schema to which it refers.
struct Form<'r> {
    index: usize,
    schemas: Vec<&'r Map<String, Value>>,
    /// The required properties that must be one of some constants, with these.
    tags: BTreeMap<&'r str, Vec<&'r Value>>,
}

impl<'r> Form<'r> {
    fn new(root: &'r Value, union: &str, index: usize) -> Self {
        let at = format!("{union}/{index}");
        let own = root.pointer(&at).and_then(Value::as_object);
        let referred = target(root, &at).filter(|target| own.is_none_or(|own| !std::ptr::eq(own, *target)));
        let mut form = Self {
            index,
            schemas: own.into_iter().chain(referred).collect(),
            tags: BTreeMap::new(),
        };
        let tags = form.required().filter_map(|name| {
            let constants = constants(form.property(name)?);
            (!constants.is_empty()).then_some((name, constants))
        });
        form.tags = tags.collect();
        form
    }

    fn has_type_of(&self, value: &Value) -> bool {
        self.schemas.iter().all(|schema| has_type_of(schema, value))
    }

    /// The declared properties, without those that the form forbids. `rules_out` puts `false` in their place.
    fn properties(&self) -> impl Iterator<Item = (&'r str, &'r Value)> {
        self.declared().filter(|(_, schema)| **schema != Value::Bool(false))
    }

    fn declared(&self) -> impl Iterator<Item = (&'r str, &'r Value)> {
        self.schemas
            .iter()
            .filter_map(|schema| schema.get("properties")?.as_object())
            .flatten()
            .map(|(name, schema)| (name.as_str(), schema))
    }

    fn property(&self, name: &str) -> Option<&'r Value> {
        self.schemas
            .iter()
            .find_map(|schema| schema.get("properties")?.get(name))
    }

    fn required(&self) -> impl Iterator<Item = &'r str> {
        self.schemas
            .iter()
            .filter_map(|schema| schema.get("required")?.as_array())
            .flatten()
            .filter_map(Value::as_str)
    }

    fn is_closed(&self) -> bool {
        self.schemas.iter().any(|schema| {
            schema.get("additionalProperties") == Some(&Value::Bool(false)) && !schema.contains_key("patternProperties")
        })
    }

    /// The constants that a required property must be one of. They are the form's tag.
    fn tag(&self, name: &str) -> &[&'r Value] {
        self.tags.get(name).map_or(&[], Vec::as_slice)
    }

    /// The name of an externally tagged variant: the only property that the form allows, which is required. The form is
    /// closed, or it forbids the names of the other variants if the enum is flattened.
    fn variant(&self) -> Option<&'r str> {
        if !self.is_closed() && self.declared().all(|(_, schema)| *schema != Value::Bool(false)) {
            return None;
        }
        let required = only(self.required())?;
        let (declared, schema) = only(self.properties())?;
        (declared == required && constants(schema).is_empty()).then_some(required)
    }

    /// The strings that the form consists of, if it consists of some: variants without content.
    fn strings(&self) -> Vec<&'r Value> {
        self.schemas.iter().flat_map(|schema| constants_of(schema)).collect()
    }

    /// How many of the form's rules about the outermost level the object breaks. `None` if the two have no property in
    /// common.
    fn distance(&self, fields: &Map<String, Value>) -> Option<usize> {
        let missing = self.required().filter(|name| !fields.contains_key(*name)).count();
        let forbidden = fields
            .keys()
            .filter(|name| match self.property(name) {
                Some(schema) => *schema == Value::Bool(false),
                None => self.is_closed(),
            })
            .count();
        let of_another_type = self
            .properties()
            .filter(|(name, schema)| {
                let schema = schema.as_object();
                let value = fields.get(*name);
                schema
                    .zip(value)
                    .is_some_and(|(schema, value)| !has_type_of(schema, value))
            })
            .count();
        let is_related = self.properties().any(|(name, _)| fields.contains_key(name));
        is_related.then_some(missing + forbidden + of_another_type)
    }
}

/// The form that the sender of an object meant: the one whose tag the object has, or the only one that fits best.
fn of_object(forms: &[Form<'_>], fields: &Map<String, Value>, keyword: &'static str) -> Option<Reason> {
    let object = Value::Object(Map::new());
    let mut left: Vec<&Form<'_>> = forms.iter().filter(|form| form.has_type_of(&object)).collect();
    let mut used = Vec::new();
    while let Some(tag) = next_tag(&left, &used, fields) {
        if let Some(form) = only(left.iter()) {
            return Some(Reason::Form(form.index));
        }
        let (tagged, others): (Vec<&Form<'_>>, Vec<&Form<'_>>) =
            left.iter().partition(|form| !form.tag(tag).is_empty());
        let given = fields.get(tag);
        let matching: Vec<_> = tagged
            .iter()
            .copied()
            .filter(|form| given.is_some_and(|given| form.tag(tag).contains(&given)))
            .collect();
        left = match (matching.is_empty(), others.is_empty()) {
            (false, _) => matching,
            (true, false) => others,
            (true, true) => return Some(unknown_tag(&tagged, tag, given)),
        };
        used.push(tag);
    }
    if let Some(form) = only(left.iter()) {
        return Some(Reason::Form(form.index));
    }
    let variants: Vec<(&Form<'_>, &str)> = left.iter().filter_map(|form| Some((*form, form.variant()?))).collect();
    let given: Vec<_> = variants.iter().filter(|(_, name)| fields.contains_key(*name)).collect();
    match given[..] {
        [(form, _)] => return Some(Reason::Form(form.index)),
        [] if !variants.is_empty() && variants.len() == left.len() => {
            let typed = only(fields.keys()).map(String::as_str);
            return Some(unknown_variant(forms, typed, keyword));
        }
        [] => left.retain(|form| form.variant().is_none()),
        _ => {}
    }
    let distances: Vec<_> = left
        .iter()
        .filter_map(|form| Some((form.distance(fields)?, form.index)))
        .collect();
    let (least, _) = distances.iter().min()?;
    only(distances.iter().filter(|(distance, _)| distance == least)).map(|(_, index)| Reason::Form(*index))
}

/// The tag that most forms have; of several, one that the object has. `used` tags do not distinguish the forms.
fn next_tag<'r>(forms: &[&Form<'r>], used: &[&str], fields: &Map<String, Value>) -> Option<&'r str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in forms.iter().flat_map(|form| form.tags.keys()) {
        *counts.entry(name).or_default() += 1;
    }
    let unused = counts.into_iter().filter(|(name, _)| !used.contains(name));
    unused
        .max_by_key(|(name, count)| (*count, fields.contains_key(*name)))
        .map(|(name, _)| name)
}

fn unknown_tag(forms: &[&Form<'_>], tag: &str, given: Option<&Value>) -> Reason {
    let known: Vec<_> = forms
        .iter()
        .flat_map(|form| form.tag(tag))
        .copied()
        .map(named)
        .collect();
    match given {
        Some(given) => Reason::Here {
            step: format!("/{}", walk::escape(tag)),
            rule: "const",
            message: format!("unknown tag: use {}", list(known, given.as_str())),
        },
        None => Reason::Here {
            step: String::new(),
            rule: "required",
            message: format!("the tag {} is missing: use {}", Value::from(tag), list(known, None)),
        },
    }
}

/// The form that the sender of a string meant: the only one that takes any string. If each form takes only
/// constants, the constant is unknown.
fn of_string(forms: &[Form<'_>], text: &str, keyword: &'static str) -> Option<Reason> {
    let string = Value::from(text);
    let takers: Vec<_> = forms.iter().filter(|form| form.has_type_of(&string)).collect();
    if takers.iter().any(|form| form.strings().is_empty()) {
        return only(takers.iter()).map(|form| Reason::Form(form.index));
    }
    let has_names = takers.iter().any(|form| !form.strings().is_empty());
    has_names.then(|| unknown_variant(forms, Some(text), keyword))
}

/// The names of all variants, each as it is written in a value.
fn unknown_variant(forms: &[Form<'_>], typed: Option<&str>, keyword: &'static str) -> Reason {
    let known = forms.iter().flat_map(|form| match form.variant() {
        Some(name) => vec![(name.to_owned(), format!("{{{}: …}}", Value::from(name)))],
        None => form.strings().into_iter().map(named).collect(),
    });
    Reason::Here {
        step: String::new(),
        rule: keyword,
        message: format!("unknown variant: use {}", list(known.collect(), typed)),
    }
}

/// The text for a value that is not among the `known` strings. `None` if not all of these are strings.
pub(super) fn unknown_string(known: &Value, typed: &Value) -> Option<String> {
    let known = known.as_array()?;
    let typed = typed.as_str().filter(|_| known.iter().all(Value::is_string))?;
    Some(format!(
        "unknown value: use {}",
        list(known.iter().map(named).collect(), Some(typed))
    ))
}

/// A constant with the name by which it is compared.
fn named(constant: &Value) -> (String, String) {
    let name = constant.as_str().map(str::to_owned);
    (name.unwrap_or_else(|| constant.to_string()), constant.to_string())
}

/// The message if a value matches no form, and it is unclear which one the sender meant.
pub(super) fn none_of(forms: usize) -> String {
    format!("value matches none of the {forms} forms that are allowed here")
}

/// Lists names as they are written. The names most like the sender's text come first.
fn list(mut known: Vec<(String, String)>, typed: Option<&str>) -> String {
    let start = |text: &str| text.chars().take(COMPARED_CHARS).collect::<String>();
    if let Some(typed) = typed.map(start) {
        // The likeness is between 0 and 1. As an integer it can be a key, so that it is computed once for each name.
        known.sort_by_cached_key(|(name, _)| Reverse((strsim::jaro_winkler(&typed, &start(name)) * 1e6) as u32));
    }
    let more = known.len().saturating_sub(MAX_NAMES);
    let written: Vec<_> = known.into_iter().take(MAX_NAMES).map(|(_, written)| written).collect();
    match &written[..] {
        [only] => only.clone(),
        names if more > 0 => format!("one of {} and {more} more", names.join(", ")),
        names => format!("one of {}", names.join(", ")),
    }
}

/// The constants that a schema allows, if it allows nothing else.
fn constants(schema: &Value) -> Vec<&Value> {
    schema.as_object().map(constants_of).unwrap_or_default()
}

fn constants_of(schema: &Map<String, Value>) -> Vec<&Value> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(constant), _) => vec![constant],
        (None, Some(Value::Array(listed))) => listed.iter().collect(),
        _ => Vec::new(),
    }
}

fn has_type_of(schema: &Map<String, Value>, value: &Value) -> bool {
    !schema.contains_key("type") || types_of(value).iter().any(|kind| walk::has_type(schema, kind))
}

/// The item of an iterator that has exactly one.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}
