//! The explanation of a sample that a type refuses: the place of the refused value, and keywords or a remedy for it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::culprit::culprit;
use super::narrow;
use super::place;
use super::remedy::{Target, missing_field, remedy};
use super::strings::Read;
use crate::schema::decode::Reshape;
use crate::schema::error::SchemaError;
use crate::schema::sample::{Content, Sampler, Trial};
use crate::schema::string_forms::Family;
use crate::schema::violation::Violation;
use crate::schema::walk;

/// Keywords with which a schema would be as narrow as its type.
pub(super) struct Narrower {
    /// Where in the schema.
    pub(super) at: String,
    pub(super) change: Change,
    pub(super) keywords: Map<String, Value>,
}

pub(super) enum Change {
    Value(Family),
    Keys,
}

/// A sample that the type refuses.
pub(super) struct Refused<'a, 's> {
    pub(super) sampler: &'a Sampler<'s>,
    pub(super) trial: &'a Trial,
    pub(super) payload: &'a Value,
    pub(super) violation: &'a Violation,
    pub(super) reshape: Reshape<'a>,
    /// What was found in other samples.
    pub(super) known: &'a [Narrower],
}

impl Refused<'_, '_> {
    /// Keywords with which the schema would exclude this sample. The schemas at the places `seen` already have such
    /// keywords.
    ///
    /// # Errors
    ///
    /// If there are none, the error names the refused value and what to write.
    pub(super) fn narrower(&self, read: Read<'_>, seen: &BTreeSet<String>) -> Result<Narrower, SchemaError> {
        let refusal = read(self.payload).err().unwrap_or_default();
        if refusal.in_key {
            return self.key(&refusal.path, seen);
        }
        let message = |payload: &Value| (self.reshape)(payload).err().map(|violation| violation.message);
        let path = self
            .changed()
            .filter(|changed| place::contains(&refusal.path, changed))
            .unwrap_or_else(|| culprit(self.payload, &refusal.path, &|path| self.is_tag(path), &message));
        match path.rsplit_once('/') {
            Some((map, _)) if self.refuses_key(&path) => self.key(map, seen),
            _ => self.value(&path, seen),
        }
    }

    /// The changed value of the sample, if the type reads the sample without the change.
    fn changed(&self) -> Option<String> {
        if !matches!(&self.trial.content, Content::Exactly(value) if !value.is_object() && !value.is_array()) {
            return None;
        }
        let unchanged = Trial {
            step: self.trial.step,
            content: Content::Any,
        };
        let payload = self.sampler.payload(&[&unchanged])?;
        self.reads(&payload).then(|| self.sampler.path(self.trial.step))
    }

    /// Whether the schema names the only value at a place.
    fn is_tag(&self, path: &str) -> bool {
        let graph = self.sampler.graph();
        let place = place::place(graph, self.payload, path);
        let mut nodes = place.into_iter().flat_map(|place| place.nodes);
        nodes.any(|node| {
            graph
                .keywords(node)
                .is_some_and(|keywords| keywords.contains_key("const"))
        })
    }

    fn reads(&self, payload: &Value) -> bool {
        (self.reshape)(payload).is_ok()
    }

    /// Whether the type refuses the name of a property, which the schema does not declare, and not its value: it reads
    /// another name, or has the same error with any value.
    fn refuses_key(&self, path: &str) -> bool {
        let Some((map, name)) = path.rsplit_once('/') else {
            return false;
        };
        let graph = self.sampler.graph();
        let place = place::place(graph, self.payload, path);
        if !place.is_some_and(|place| place.field.ends_with('*')) {
            return false;
        }
        let with = |value: Value| {
            let mut payload = self.payload.clone();
            if let Some(place) = payload.pointer_mut(path) {
                *place = value;
            }
            (self.reshape)(&payload).err().map(|violation| violation.message)
        };
        let values = [Value::Null, true.into(), 1.into(), "a".into(), Value::Array(Vec::new())];
        if values
            .map(with)
            .iter()
            .all(|message| message.as_ref() == Some(&self.violation.message))
        {
            return true;
        }
        let name = name.replace("~1", "/").replace("~0", "~");
        let mut payload = self.payload.clone();
        let Some(Value::Object(map)) = payload.pointer_mut(map) else {
            return false;
        };
        let value = map.remove(&name);
        map.insert("a".to_owned(), value.unwrap_or_default());
        self.reads(&payload)
    }

    /// The type refuses the value at `path`.
    fn value(&self, path: &str, seen: &BTreeSet<String>) -> Result<Narrower, SchemaError> {
        let graph = self.sampler.graph();
        let nodes = place::place(graph, self.payload, path);
        let value = self.payload.pointer(path).unwrap_or(&Value::Null);
        let (nodes, field) = nodes.map_or_else(Default::default, |place| (place.nodes, place.field));
        let node = if nodes.is_empty() {
            self.sampler.target(self.trial.step)
        } else {
            place::innermost(graph, &nodes, value)
        };
        let at = graph.at(node).to_owned();
        if let Some(name) = missing_field(&self.violation.message) {
            let declared = nodes.iter().rev().find(|node| {
                let properties = graph.keywords(**node).and_then(|keywords| keywords.get("properties"));
                properties.is_some_and(|properties| properties.get(name).is_some())
            });
            let at = declared.map_or(at, |node| place::property(graph.at(*node), name));
            let field = format!("{field}.{name}");
            return Err(self.error(at, field.trim_start_matches('.'), false, value, Target::Field));
        }
        let reads = |other: Value| {
            let mut payload = self.payload.clone();
            payload.pointer_mut(path).is_some_and(|place| {
                *place = other;
                true
            }) && self.reads(&payload)
        };
        let narrower = graph.keywords(node).and_then(|keywords| {
            let refused = narrow::Refused {
                keywords,
                value,
                message: &self.violation.message,
                lengths: self.lengths(),
                reads: &reads,
            };
            refused.narrower()
        });
        match narrower {
            Some((family, keywords)) if !seen.contains(&at) => Ok(Narrower {
                at,
                change: Change::Value(family),
                keywords,
            }),
            _ => {
                let is_type = at.is_empty() || walk::definition(&at).is_some();
                let target = if is_type { Target::Type } else { Target::Field };
                Err(self.error(at, &field, false, value, target))
            }
        }
    }

    /// The type refuses a key of the map at `path`.
    fn key(&self, path: &str, seen: &BTreeSet<String>) -> Result<Narrower, SchemaError> {
        let graph = self.sampler.graph();
        let map = self.payload.pointer(path).unwrap_or(&Value::Null);
        let place = place::place(graph, self.payload, path);
        let (nodes, field) = place.map_or_else(Default::default, |place| (place.nodes, place.field));
        let node = place::innermost(graph, &nodes, map);
        let at = graph.at(node).to_owned();
        // The entry that the sample adds comes last, unless it is the only one.
        let entries = map.as_object().into_iter().flatten();
        let entries: Vec<_> = entries.collect();
        let refused = entries.iter().find(|(key, _)| {
            let mut payload = self.payload.clone();
            let without = payload.pointer_mut(path).and_then(Value::as_object_mut);
            without.is_some_and(|map| map.remove(key.as_str()).is_some()) && self.reads(&payload)
        });
        let Some((key, value)) = refused.or(entries.first()) else {
            return Err(self.error(at, &field, true, map, Target::Map));
        };
        let reads = |other: Value| {
            let mut payload = self.payload.clone();
            let map = payload.pointer_mut(path).and_then(Value::as_object_mut);
            let Some((map, other)) = map.zip(other.as_str()) else {
                return false;
            };
            map.remove(key.as_str());
            map.insert(other.to_owned(), (*value).clone());
            self.reads(&payload)
        };
        let narrower = narrow::Refused {
            keywords: &Map::new(),
            value: &Value::Null,
            message: &self.violation.message,
            lengths: self.lengths(),
            reads: &reads,
        };
        match narrower.length(key) {
            Some((_, keywords)) if !seen.contains(&at) => Ok(Narrower {
                at,
                change: Change::Keys,
                keywords,
            }),
            _ => Err(self.error(at, &field, true, &Value::String((*key).clone()), Target::Map)),
        }
    }

    /// The maximum lengths that were found elsewhere. An untagged enum hides the message that names them.
    fn lengths(&self) -> Vec<usize> {
        let lengths = self
            .known
            .iter()
            .filter_map(|known| known.keywords.get("maxLength")?.as_u64());
        lengths.filter_map(|length| usize::try_from(length).ok()).collect()
    }

    fn error(&self, at: String, field: &str, in_keys: bool, value: &Value, target: Target) -> SchemaError {
        SchemaError::RefusedByType {
            at,
            field: place::written(self.sampler.graph(), field).into(),
            in_keys,
            data: shortened(value),
            remedy: remedy(value, &self.violation.message, target).into(),
            source: Box::new(self.violation.clone()),
        }
    }
}

/// The first 200 characters of data as JSON.
pub(super) fn shortened(data: &Value) -> String {
    data.to_string().chars().take(200).collect()
}
