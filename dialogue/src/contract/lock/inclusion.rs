//! Whether every instance of one schema is an instance of another: what makes a change additive.
//!
//! For what clients send, the old schema must be within the new one; for what they hear, the new one within the old. The
//! answer is yes only where it is proven. Keywords that are not understood here prove nothing, unless both schemas are the
//! same.
//!
//! One thing is assumed of the narrower side: its instances have no properties but those that it declares, by name, by
//! pattern or by an `additionalProperties` that is written down. That is how typed clients write, and how the server does. In
//! return, a property that was declared must stay so, lest what was read, or was to be heard, is passed over in silence.

mod array;
mod disjoint;
mod number;
mod object;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::forms::{Form, Type, forms};
use crate::contract::direction::Direction;
use crate::contract::reference::{redirected, references};
use crate::schema::{EventSchema, walk};

/// A schema that anything satisfies, where one is not written down.
static ANYTHING: Value = Value::Bool(true);

/// How many pairs of schemas are compared before it is given up. Far more than the largest of types takes.
const STEPS: u32 = 20_000;

/// How deep in a payload schemas are compared. Types lie less deep, and recursive ones are met again before.
const DEEPEST: usize = 64;

/// Where the wider schema is put among its own definitions.
const ROOT: &str = "dialogue:root";

/// Why one schema is not within another, as far as can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    /// Where in the payload: a JSON Pointer, with `*` for any item or key.
    pub(super) at: String,
    pub(super) why: String,
    /// Whether it only says that the two are of different kinds, as the alternatives of an enum are.
    other_kind: bool,
}

type Proof = Result<(), Gap>;

/// Whether clients who know the `old` schema get along with the `new` one.
pub(super) fn compatible(direction: Direction, old: &Value, new: &Value) -> Proof {
    let (narrow, wide) = match direction {
        Direction::Inbound => (old, new),
        Direction::Outbound => (new, old),
    };
    if narrow != wide && (is_rebased(narrow) || is_rebased(wide)) {
        return Err(gap("a schema with an `$id` cannot be compared"));
    }
    Comparison {
        direction,
        narrow,
        wide,
        definitions: definitions(wide),
        steps: Cell::new(STEPS),
        assumed: RefCell::default(),
        level: Cell::new(0),
    }
    .within(&[narrow], &[wide])
}

/// Two documents that are compared.
struct Comparison<'s> {
    direction: Direction,
    narrow: &'s Value,
    wide: &'s Value,
    /// The wider document's, for validators of parts of it.
    definitions: Value,
    steps: Cell<u32>,
    /// The pairs that are being compared, and how deep in the payload.
    assumed: RefCell<HashMap<[Vec<usize>; 2], usize>>,
    /// How deep in the payload the comparison is.
    level: Cell<usize>,
}

impl<'s> Comparison<'s> {
    /// Whether whatever satisfies all of `narrow` satisfies all of `wide`.
    fn within(&self, narrow: &[&'s Value], wide: &[&'s Value]) -> Proof {
        let [narrow, wide] = [(self.narrow, narrow), (self.wide, wide)].map(|(root, schemas)| {
            let mut targets: Vec<_> = schemas.iter().map(|schema| target(root, schema)).collect();
            // In one order and each once, so that the same pair is known again.
            targets.sort_by_key(|schema| address(schema));
            targets.dedup_by_key(|schema| address(schema));
            targets
        });
        self.targets_within(&narrow, &wide)
    }

    fn targets_within(&self, narrow: &[&'s Value], wide: &[&'s Value]) -> Proof {
        if self.is_same(narrow, wide) {
            return Ok(());
        }
        let Some(steps) = self.steps.get().checked_sub(1) else {
            return Err(gap("the schemas are too intricate to compare"));
        };
        self.steps.set(steps);
        let pair = [narrow, wide].map(|schemas| schemas.iter().map(|schema| address(schema)).collect());
        if let Some(&level) = self.assumed.borrow().get(&pair) {
            // What a payload holds further down is smaller than the payload: an induction.
            return if level < self.level.get() {
                Ok(())
            } else {
                Err(gap("the schema refers to itself"))
            };
        }
        self.assumed.borrow_mut().insert(pair.clone(), self.level.get());
        let proof = self.forms_within(narrow, wide);
        self.assumed.borrow_mut().remove(&pair);
        proof
    }

    /// The same one level down in the payload.
    fn below(&self, step: &str, narrow: &[&'s Value], wide: &[&'s Value]) -> Proof {
        let level = self.level.get();
        if level == DEEPEST {
            return Err(gap("the schemas are too intricate to compare"));
        }
        self.level.set(level + 1);
        let proof = self.within(narrow, wide);
        self.level.set(level);
        proof.map_err(|gap| Gap {
            at: format!("/{step}{}", gap.at),
            ..gap
        })
    }

    fn is_same(&self, narrow: &[&'s Value], wide: &[&'s Value]) -> bool {
        let same = |narrow: &Value, wide: &Value| self.is_same_schema(narrow, wide, &mut BTreeSet::new());
        narrow.iter().all(|narrow| wide.iter().any(|wide| same(narrow, wide)))
            && wide.iter().all(|wide| narrow.iter().any(|narrow| same(narrow, wide)))
    }

    fn is_same_schema(&self, narrow: &Value, wide: &Value, seen: &mut BTreeSet<String>) -> bool {
        narrow == wide
            && references(narrow).into_iter().all(|target| {
                !seen.insert(target.clone())
                    || match (self.narrow.pointer(&target), self.wide.pointer(&target)) {
                        (Some(narrow), Some(wide)) => self.is_same_schema(narrow, wide, seen),
                        _ => false,
                    }
            })
    }

    fn forms_within(&self, narrow: &[&'s Value], wide: &[&'s Value]) -> Proof {
        let too_many = || gap("the schemas are too intricate to compare");
        let wide_forms = forms(self.wide, wide).ok_or_else(too_many)?;
        for form in forms(self.narrow, narrow).ok_or_else(too_many)? {
            if let Some(values) = form.values() {
                self.values_within(values, wide)?;
                continue;
            }
            let types = form.types();
            for &kind in &types {
                match kind {
                    Type::Null => self.values_within([&Value::Null], wide)?,
                    Type::Boolean => self.values_within([&Value::Bool(false), &Value::Bool(true)], wide)?,
                    // Numbers include them.
                    Type::Integer if types.contains(&Type::Number) => {}
                    _ => self.form_within(&form, kind, &wide_forms)?,
                }
            }
        }
        Ok(())
    }

    fn values_within<'v>(&self, values: impl IntoIterator<Item = &'v Value>, wide: &[&Value]) -> Proof {
        let validator = self.validator(wide).ok_or_else(|| gap("the schema does not compile"))?;
        match values.into_iter().find(|value| validator.check(value).is_err()) {
            None => Ok(()),
            Some(value) => Err(self.other_kind(&value.to_string())),
        }
    }

    /// A validator of all of `wide`.
    fn validator(&self, wide: &[&Value]) -> Option<EventSchema> {
        let parts: Vec<Value> = wide.iter().map(|schema| at_home(schema, self.wide)).collect();
        EventSchema::compile(json!({ "allOf": parts, "$defs": self.definitions })).ok()
    }

    /// Whether the instances of one type that have this form have one of the wider forms.
    fn form_within(&self, form: &Form<'s>, kind: Type, wide: &[Form<'s>]) -> Proof {
        let mut gaps = Vec::new();
        for candidate in wide {
            match self.fits(form, kind, candidate) {
                Ok(()) => return Ok(()),
                Err(gap) => gaps.push((candidate, gap)),
            }
        }
        Err(self.nearest(form, kind, gaps))
    }

    /// What to say of several alternatives that do not fit: why the one that was meant does not.
    fn nearest(&self, form: &Form<'s>, kind: Type, gaps: Vec<(&Form<'s>, Gap)>) -> Gap {
        let is_only = gaps.len() == 1;
        let mut nearest: Option<((bool, bool, usize), Gap)> = None;
        for (candidate, gap) in gaps {
            let present = match kind {
                Type::Object if !is_only && candidate.types().contains(&kind) => self.present_fit(form, candidate),
                _ => Ok(()),
            };
            let is_meant = present.is_ok();
            let gap = present.err().unwrap_or(gap);
            let nearness = (is_meant, !gap.other_kind, gap.at.matches('/').count());
            if nearest.as_ref().is_none_or(|(before, _)| *before < nearness) {
                nearest = Some((nearness, gap));
            }
        }
        nearest.map_or_else(|| self.other_kind(kind.name()), |(_, gap)| gap)
    }

    fn fits(&self, form: &Form<'s>, kind: Type, wide: &Form<'s>) -> Proof {
        if !wide.types().contains(&kind) {
            return Err(self.other_kind(kind.name()));
        }
        if wide.values().is_some() {
            return Err(self.differs("only certain values are accepted now", "it may be another value now"));
        }
        match kind {
            Type::Integer | Type::Number => self.numbers_fit(form, kind, wide)?,
            Type::String => self.strings_fit(form, wide)?,
            Type::Array => self.arrays_fit(form, wide)?,
            Type::Object => self.objects_fit(form, wide)?,
            Type::Null | Type::Boolean => {}
        }
        for part in &wide.parts {
            if let Some(keyword) = part.keys().find(|keyword| !is_understood(keyword)) {
                return Err(gap(&format!("what `{keyword}` says cannot be compared")));
            }
        }
        match wide.rivals.iter().find(|rival| !self.is_apart(form, kind, rival)) {
            None => Ok(()),
            Some(_) => Err(gap("two alternatives cannot be told apart")),
        }
    }

    fn strings_fit(&self, form: &Form<'s>, wide: &Form<'s>) -> Proof {
        self.counts_fit("characters", ["minLength", "maxLength"], form, wide)?;
        for pattern in wide.all("pattern") {
            if !form.all("pattern").any(|own| own == pattern) {
                return Err(self.differs(
                    &format!("must match {pattern} now"),
                    &format!("need not match {pattern} any more"),
                ));
            }
        }
        for format in wide.all("format").filter(|format| !is_remark(format)) {
            if !form.all("format").any(|own| own == format) {
                return Err(self.differs(
                    &format!("must be of the format {format} now"),
                    &format!("need not be of the format {format} any more"),
                ));
            }
        }
        Ok(())
    }

    /// Whether a count, such as a length, is within the wider limits.
    fn counts_fit(&self, of: &str, limits: [&str; 2], form: &Form<'s>, wide: &Form<'s>) -> Proof {
        let [least, most] = limits;
        self.limits_fit(
            of,
            [form.at_least(least), form.at_most(most)],
            [wide.at_least(least), wide.at_most(most)],
        )
    }

    fn limits_fit(&self, of: &str, [least, most]: [u64; 2], [wide_least, wide_most]: [u64; 2]) -> Proof {
        if least < wide_least {
            return Err(self.differs(
                &format!("needs {wide_least} {of} now, was {least}"),
                &format!("may have as few as {least} {of} now, was {wide_least}"),
            ));
        }
        if most > wide_most {
            let most = match most {
                u64::MAX => "any number of".to_owned(),
                most => most.to_string(),
            };
            return Err(self.differs(
                &format!("may have only {wide_most} {of} now, was {most}"),
                &format!("may have {most} {of} now, was {wide_most}"),
            ));
        }
        Ok(())
    }

    /// What is wrong, as clients meet it: who sends, or who hears.
    fn differs(&self, sent: &str, heard: &str) -> Gap {
        gap(match self.direction {
            Direction::Inbound => sent,
            Direction::Outbound => heard,
        })
    }

    fn other_kind(&self, what: &str) -> Gap {
        Gap {
            other_kind: true,
            ..self.differs(
                &format!("`{what}` is not accepted any more"),
                &format!("may be `{what}` now"),
            )
        }
    }
}

/// Whether references in a document may lead elsewhere than they say.
fn is_rebased(root: &Value) -> bool {
    walk::pointers(root)
        .iter()
        .filter_map(|at| root.pointer(at))
        .any(|schema| schema.get("$id").is_some() || schema.get("$dynamicRef").is_some())
}

/// Where a schema is, which tells it from others that read the same.
fn address(schema: &Value) -> usize {
    std::ptr::from_ref(schema).addr()
}

/// What a schema refers to, if it does nothing else: so that a recursive type is met again as what it was.
fn target<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    schema
        .as_object()
        .filter(|keywords| keywords.len() == 1)
        .and_then(|_| root.pointer(&walk::reference(schema)?))
        .unwrap_or(schema)
}

fn gap(why: &str) -> Gap {
    Gap {
        at: String::new(),
        why: why.to_owned(),
        other_kind: false,
    }
}

/// The definitions of a document, itself among them.
fn definitions(root: &Value) -> Value {
    let mut definitions: Map<String, Value> = root
        .get("$defs")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.clone(), at_home(schema, root)))
        .collect();
    let mut whole = at_home(root, root);
    if let Value::Object(whole) = &mut whole {
        whole.remove("$schema");
    }
    definitions.insert(ROOT.to_owned(), whole);
    Value::Object(definitions)
}

/// A part of a document, with references as they are among [`definitions`].
fn at_home(schema: &Value, root: &Value) -> Value {
    let names: BTreeMap<String, String> = root
        .get("$defs")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::keys)
        .map(|name| (name.clone(), name.clone()))
        .collect();
    redirected(schema, ROOT, &names)
}

/// Formats that name a Rust type; validators ignore them.
fn is_remark(format: &Value) -> bool {
    const REMARKS: [&str; 16] = [
        "int8", "int16", "int32", "int64", "int128", "int", "uint8", "uint16", "uint32", "uint64", "uint128", "uint",
        "float", "double", "char", "password",
    ];
    format.as_str().is_some_and(|format| REMARKS.contains(&format))
}

/// Whether a keyword is one that is compared, or that says nothing of instances.
fn is_understood(keyword: &str) -> bool {
    const COMPARED: [&str; 29] = [
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "oneOf",
        "pattern",
        "patternProperties",
        "prefixItems",
        "properties",
        "propertyNames",
        "required",
        "type",
        "unevaluatedProperties",
        "uniqueItems",
    ];
    const REMARKS: [&str; 15] = [
        "$comment",
        "$defs",
        "$schema",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
        "default",
        "definitions",
        "deprecated",
        "description",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
        "x-dialogue",
    ];
    COMPARED.contains(&keyword) || REMARKS.contains(&keyword)
}

/// Whether a text matches a pattern of the dialect that schemas are enforced with.
fn matches(pattern: &str, text: &str) -> bool {
    // What does not compile could match anything; it is not among enforced schemas.
    EventSchema::compile(json!({ "pattern": pattern })).map_or(true, |schema| schema.check(&text.into()).is_ok())
}

/// A name as a step of a JSON Pointer.
fn step(name: &str) -> String {
    walk::escape(name).into_owned()
}

#[cfg(test)]
mod law;
#[cfg(test)]
mod tests;
