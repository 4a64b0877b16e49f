//! The comparison of one schema with another.
//!
//! Owns the recursion: which pairs of schemas and forms are compared. The other files compare one type of value each,
//! and return here for the values inside.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::document::{at_home, definitions, is_rebased};
use super::forms::{Form, JsonType, forms};
use super::keyword::is_understood;
use super::mismatch::{Mismatch, Proof};
use crate::contract::direction::Direction;
use crate::contract::reference::references;
use crate::schema::{EventSchema, walk};

/// How many pairs of schemas are compared before the comparison gives up. Far more than the largest types need.
const STEPS: u32 = 20_000;

/// How deep in a payload schemas are compared. Types are less deep, and recursive types repeat earlier.
const DEEPEST: usize = 64;

/// Whether clients that know the `old` schema keep working with the `new` one.
pub(in super::super) fn compatible(direction: Direction, old: &Value, new: &Value) -> Proof {
    let (narrow, wide) = match direction {
        Direction::Inbound => (old, new),
        Direction::Outbound => (new, old),
    };
    if narrow != wide && (is_rebased(narrow) || is_rebased(wide)) {
        return Err(Mismatch::here("schemas with an `$id` cannot be compared"));
    }
    SchemaComparison {
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

/// The comparison of two documents.
pub(super) struct SchemaComparison<'s> {
    pub(super) direction: Direction,
    pub(super) narrow: &'s Value,
    pub(super) wide: &'s Value,
    /// The definitions of the wider document, for validators of its parts.
    definitions: Value,
    steps: Cell<u32>,
    /// The pairs that are being compared now, each with its depth in the payload.
    assumed: RefCell<HashMap<[Vec<usize>; 2], usize>>,
    /// The current depth in the payload.
    level: Cell<usize>,
}

impl<'s> SchemaComparison<'s> {
    /// Whether every value that satisfies all of `narrow` also satisfies all of `wide`.
    fn within(&self, narrow: &[&'s Value], wide: &[&'s Value]) -> Proof {
        let [narrow, wide] = [(self.narrow, narrow), (self.wide, wide)].map(|(root, schemas)| {
            let mut targets: Vec<_> = schemas.iter().map(|schema| target(root, schema)).collect();
            // Sorted and without duplicates, so that the same pair is recognised.
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
            return Err(Mismatch::here("the schemas are too complex to compare"));
        };
        self.steps.set(steps);
        let pair = [narrow, wide].map(|schemas| schemas.iter().map(|schema| address(schema)).collect());
        if let Some(&level) = self.assumed.borrow().get(&pair) {
            // A value inside of the payload is smaller than the payload, so this is a proof by induction.
            return if level < self.level.get() {
                Ok(())
            } else {
                Err(Mismatch::here("the schema refers to itself"))
            };
        }
        self.assumed.borrow_mut().insert(pair.clone(), self.level.get());
        let proof = self.forms_within(narrow, wide);
        self.assumed.borrow_mut().remove(&pair);
        proof
    }

    /// The same comparison, one level deeper in the payload.
    pub(super) fn below(&self, step: &str, narrow: &[&'s Value], wide: &[&'s Value]) -> Proof {
        let level = self.level.get();
        if level == DEEPEST {
            return Err(Mismatch::here("the schemas are too complex to compare"));
        }
        self.level.set(level + 1);
        let proof = self.within(narrow, wide);
        self.level.set(level);
        proof.map_err(|mismatch| mismatch.under(step))
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
        let too_many = || Mismatch::here("the schemas are too complex to compare");
        let wide_forms = forms(self.wide, wide).ok_or_else(too_many)?;
        for form in forms(self.narrow, narrow).ok_or_else(too_many)? {
            if let Some(values) = form.values() {
                self.values_within(values, wide)?;
                continue;
            }
            let types = form.types();
            for &kind in &types {
                match kind {
                    JsonType::Null => self.values_within([&Value::Null], wide)?,
                    JsonType::Boolean => self.values_within([&Value::Bool(false), &Value::Bool(true)], wide)?,
                    // Numbers include integers.
                    JsonType::Integer if types.contains(&JsonType::Number) => {}
                    _ => self.form_within(&form, kind, &wide_forms)?,
                }
            }
        }
        Ok(())
    }

    fn values_within<'v>(&self, values: impl IntoIterator<Item = &'v Value>, wide: &[&Value]) -> Proof {
        let validator = self
            .validator(wide)
            .ok_or_else(|| Mismatch::here("the schema does not compile"))?;
        match values.into_iter().find(|value| validator.check(value).is_err()) {
            None => Ok(()),
            Some(value) => Err(self.other_kind(&value.to_string())),
        }
    }

    /// A validator for all of `wide`.
    pub(super) fn validator(&self, wide: &[&Value]) -> Option<EventSchema> {
        let parts: Vec<Value> = wide.iter().map(|schema| at_home(schema, self.wide)).collect();
        EventSchema::compile(json!({ "allOf": parts, "$defs": self.definitions })).ok()
    }

    /// Whether the instances of this form and type also have one of the wider forms.
    fn form_within(&self, form: &Form<'s>, kind: JsonType, wide: &[Form<'s>]) -> Proof {
        let mut mismatches = Vec::new();
        for candidate in wide {
            match self.fits(form, kind, candidate) {
                Ok(()) => return Ok(()),
                Err(mismatch) => mismatches.push((candidate, mismatch)),
            }
        }
        Err(self.nearest(form, kind, mismatches))
    }

    /// Chooses the mismatch to report if no alternative fits: the mismatch of the alternative that was probably meant.
    fn nearest(&self, form: &Form<'s>, kind: JsonType, mismatches: Vec<(&Form<'s>, Mismatch)>) -> Mismatch {
        let is_only = mismatches.len() == 1;
        let mut nearest: Option<((bool, bool, usize), Mismatch)> = None;
        for (candidate, mismatch) in mismatches {
            let present = match kind {
                JsonType::Object if !is_only && candidate.types().contains(&kind) => self.present_fit(form, candidate),
                _ => Ok(()),
            };
            let is_meant = present.is_ok();
            let mismatch = present.err().unwrap_or(mismatch);
            let nearness = (is_meant, !mismatch.other_kind, mismatch.at.matches('/').count());
            if nearest.as_ref().is_none_or(|(before, _)| *before < nearness) {
                nearest = Some((nearness, mismatch));
            }
        }
        nearest.map_or_else(|| self.other_kind(kind.name()), |(_, mismatch)| mismatch)
    }

    fn fits(&self, form: &Form<'s>, kind: JsonType, wide: &Form<'s>) -> Proof {
        if !wide.types().contains(&kind) {
            return Err(self.other_kind(kind.name()));
        }
        if wide.values().is_some() {
            return Err(self.differs("now only certain values are accepted", "other values are now possible"));
        }
        match kind {
            JsonType::Integer | JsonType::Number => self.numbers_fit(form, kind, wide)?,
            JsonType::String => self.strings_fit(form, wide)?,
            JsonType::Array => self.arrays_fit(form, wide)?,
            JsonType::Object => self.objects_fit(form, wide)?,
            JsonType::Null | JsonType::Boolean => {}
        }
        for part in &wide.parts {
            if let Some(keyword) = part.keys().find(|keyword| !is_understood(keyword)) {
                return Err(Mismatch::here(&format!("`{keyword}` cannot be compared")));
            }
        }
        match wide.rivals.iter().find(|rival| !self.is_apart(form, kind, rival)) {
            None => Ok(()),
            Some(_) => Err(Mismatch::here("two alternatives may both match")),
        }
    }

    /// A mismatch in the words for clients that send the data, or for clients that receive it.
    pub(super) fn differs(&self, sent: &str, received: &str) -> Mismatch {
        Mismatch::here(match self.direction {
            Direction::Inbound => sent,
            Direction::Outbound => received,
        })
    }

    fn other_kind(&self, what: &str) -> Mismatch {
        Mismatch {
            other_kind: true,
            ..self.differs(
                &format!("`{what}` is no longer accepted"),
                &format!("may now be `{what}`"),
            )
        }
    }
}

/// The address of a schema. It distinguishes the schema from equal ones.
fn address(schema: &Value) -> usize {
    std::ptr::from_ref(schema).addr()
}

/// The target of a schema that consists only of a reference. A recursive type is then recognised when it appears
/// again.
fn target<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    schema
        .as_object()
        .filter(|keywords| keywords.len() == 1)
        .and_then(|_| root.pointer(&walk::reference(schema)?))
        .unwrap_or(schema)
}
