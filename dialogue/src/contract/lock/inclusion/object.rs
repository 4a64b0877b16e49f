//! Objects: which properties they may have and must have.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::comparison::SchemaComparison;
use super::forms::{ANYTHING, Form};
use super::mismatch::{Mismatch, Proof};
use crate::contract::direction::Direction;
use crate::schema::{EventSchema, walk};

impl<'s> SchemaComparison<'s> {
    pub(super) fn objects_fit(&self, form: &Form<'s>, wide: &Form<'s>) -> Proof {
        self.required_fit(form, wide)?;
        self.declared_fit(form, wide)?;
        self.declarations_kept(form, wide)?;
        for part in &wide.parts {
            self.undeclared_fit(form, part)?;
        }
        self.names_fit(form, wide)?;
        let least = form.at_least("minProperties").max(required(form).len() as u64);
        let most = if undeclared(form).is_empty() {
            form.at_most("maxProperties").min(names(form).len() as u64)
        } else {
            form.at_most("maxProperties")
        };
        self.limits_fit(
            "properties",
            [least, most],
            [wide.at_least("minProperties"), wide.at_most("maxProperties")],
        )
    }

    /// Whether the properties that are present fit, even if others are missing. For a variant, the tag is present, and
    /// the fields of other variants are not.
    pub(super) fn present_fit(&self, form: &Form<'s>, wide: &Form<'s>) -> Proof {
        self.declared_fit(form, wide)?;
        wide.parts.iter().try_for_each(|part| self.undeclared_fit(form, part))
    }

    fn required_fit(&self, form: &Form<'s>, wide: &Form<'s>) -> Proof {
        let own = required(form);
        match required(wide).into_iter().find(|name| !own.contains(name)) {
            None => Ok(()),
            Some(name) => {
                let mut missing = self.differs("is now required", "may now be absent");
                missing.at = format!("/{}", step(name));
                Err(missing)
            }
        }
    }

    /// Whether the properties that the wider form declares have values that it allows, and have the same default.
    fn declared_fit(&self, form: &Form<'s>, wide: &Form<'s>) -> Proof {
        let own = required(form);
        for name in declared(wide) {
            let wanted = properties(wide, name);
            for occurrence in occurrences(form, name) {
                self.below(&step(name), &occurrence, &wanted)?;
            }
            let had = properties(form, name);
            if self.direction == Direction::Inbound && !had.is_empty() && !own.contains(name) {
                let [before, now] = [had, wanted].map(|schemas| default(&schemas).cloned());
                if before != now {
                    let say = |default: Option<Value>| default.map_or("none".to_owned(), |value| value.to_string());
                    let mut changed = Mismatch::here(&format!("its default is now {}, was {}", say(now), say(before)));
                    changed.at = format!("/{}", step(name));
                    return Err(changed);
                }
            }
        }
        Ok(())
    }

    /// Whether the new schema still declares all properties that the old one declares.
    fn declarations_kept(&self, form: &Form<'s>, wide: &Form<'s>) -> Proof {
        let (old, new) = match self.direction {
            Direction::Inbound => (form, wide),
            Direction::Outbound => (wide, form),
        };
        if !undeclared(new).is_empty() {
            return Ok(());
        }
        if !undeclared(old).is_empty() {
            let mut gone = self.differs("is no longer read", "is no longer sent");
            gone.at = "/*".to_owned();
            return Err(gone);
        }
        let new = declared(new);
        let possible = |name: &&&str| !properties(old, name).contains(&&Value::Bool(false));
        match declared(old).iter().filter(possible).find(|name| !new.contains(*name)) {
            None => Ok(()),
            Some(name) => {
                let mut gone = self.differs("is no longer read", "is no longer sent");
                gone.at = format!("/{}", step(name));
                Err(gone)
            }
        }
    }

    /// Whether properties that a part of the wider form does not name satisfy what it says of such.
    fn undeclared_fit(&self, form: &Form<'s>, part: &'s Map<String, Value>) -> Proof {
        let patterns: Vec<(&str, &Value)> = schemas(part, "patternProperties").collect();
        let sources = undeclared(form);
        for (pattern, schema) in &patterns {
            for name in names(form).into_iter().filter(|name| matches(pattern, name)) {
                for occurrence in occurrences(form, name) {
                    self.below(&step(name), &occurrence, &[schema])?;
                }
            }
            for source in &sources {
                self.below("*", &[source.schema], &[schema])?;
            }
        }
        let rest = match part.get("additionalProperties") {
            None | Some(Value::Bool(true)) => return self.unevaluated_fit(part),
            Some(rest) => rest,
        };
        let is_named = |name: &str| {
            schemas(part, "properties").any(|(own, _)| own == name)
                || patterns.iter().any(|(pattern, _)| matches(pattern, name))
        };
        for name in names(form).into_iter().filter(|name| !is_named(name)) {
            for occurrence in occurrences(form, name) {
                self.below(&step(name), &occurrence, &[rest])?;
            }
        }
        for source in &sources {
            let covered = source
                .pattern
                .is_some_and(|own| patterns.iter().any(|(pattern, _)| *pattern == own));
            if !covered {
                self.below("*", &[source.schema], &[rest])?;
            }
        }
        self.unevaluated_fit(part)
    }

    fn unevaluated_fit(&self, part: &Map<String, Value>) -> Proof {
        match part.get("unevaluatedProperties") {
            None | Some(Value::Bool(true)) => Ok(()),
            Some(_) => Err(Mismatch::here("`unevaluatedProperties` cannot be compared")),
        }
    }

    fn names_fit(&self, form: &Form<'s>, wide: &Form<'s>) -> Proof {
        let has_others = !undeclared(form).is_empty();
        for wanted in wide.all("propertyNames") {
            let validator = EventSchema::compile(wanted.clone())
                .map_err(|_| Mismatch::here("`propertyNames` cannot be compared"))?;
            if let Some(name) = names(form)
                .into_iter()
                .find(|name| validator.check(&json!(name)).is_err())
            {
                let mut refused = self.differs("is no longer accepted", "may now be present");
                refused.at = format!("/{}", step(name));
                return Err(refused);
            }
            let own: Vec<&Value> = form.all("propertyNames").collect();
            if has_others && self.below("*", &own, &[wanted]).is_err() {
                return Err(self.differs("some keys are no longer accepted", "other keys are now possible"));
            }
        }
        Ok(())
    }
}

/// A schema of properties that are not declared by name, with the pattern of their names.
struct PropertySource<'s> {
    pattern: Option<&'s str>,
    schema: &'s Value,
}

/// The schemas of properties that are not declared by name. Empty if there are no such properties.
fn undeclared<'s>(form: &Form<'s>) -> Vec<PropertySource<'s>> {
    let mut sources = Vec::new();
    for part in &form.parts {
        sources.extend(
            schemas(part, "patternProperties").map(|(pattern, schema)| PropertySource {
                pattern: Some(pattern),
                schema,
            }),
        );
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            sources.extend(part.get(keyword).map(|schema| PropertySource { pattern: None, schema }));
        }
    }
    sources.retain(|source| *source.schema != Value::Bool(false));
    sources
}

/// The possible schemas of a property's value, each as a list of schemas that all apply. Empty if the property cannot
/// be present.
pub(super) fn occurrences<'s>(form: &Form<'s>, name: &str) -> Vec<Vec<&'s Value>> {
    let own = properties(form, name);
    if own.contains(&&Value::Bool(false)) {
        return Vec::new();
    }
    if !own.is_empty() {
        return vec![own];
    }
    if required(form).contains(name) {
        return vec![vec![&ANYTHING]];
    }
    undeclared(form).iter().map(|source| vec![source.schema]).collect()
}

/// The schemas of a property in all parts of a form.
pub(super) fn properties<'s>(form: &Form<'s>, name: &str) -> Vec<&'s Value> {
    form.all("properties")
        .filter_map(|properties| properties.get(name))
        .collect()
}

/// The names of the declared properties.
fn declared<'s>(form: &Form<'s>) -> BTreeSet<&'s str> {
    form.parts
        .iter()
        .flat_map(|part| schemas(part, "properties").map(|(name, _)| name))
        .collect()
}

/// The names of the required properties.
pub(super) fn required<'s>(form: &Form<'s>) -> BTreeSet<&'s str> {
    form.all("required")
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// The names of all properties that are declared or required.
fn names<'s>(form: &Form<'s>) -> BTreeSet<&'s str> {
    declared(form).into_iter().chain(required(form)).collect()
}

/// The default of a property. A default of `null` counts as no default.
fn default<'s>(schemas: &[&'s Value]) -> Option<&'s Value> {
    schemas
        .iter()
        .find_map(|schema| schema.get("default"))
        .filter(|default| !default.is_null())
}

pub(super) fn schemas<'s>(
    part: &'s Map<String, Value>,
    keyword: &str,
) -> impl Iterator<Item = (&'s str, &'s Value)> + use<'s> {
    part.get(keyword)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.as_str(), schema))
}

/// Whether a text matches a pattern, in the dialect with which schemas are enforced.
fn matches(pattern: &str, text: &str) -> bool {
    // A pattern that does not compile could match anything. Enforced schemas contain no such pattern.
    EventSchema::compile(json!({ "pattern": pattern })).map_or(true, |schema| schema.check(&text.into()).is_ok())
}

/// A name as a step of a JSON Pointer.
fn step(name: &str) -> String {
    walk::escape(name).into_owned()
}
