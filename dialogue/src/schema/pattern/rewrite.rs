//! The schema that the validator compiles: the published schema, with each pattern in the engine's form.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::translate;
use crate::schema::error::SchemaError;
use crate::schema::walk;

/// A schema with the patterns that the engine reads.
pub(in crate::schema) struct Rewritten<'s> {
    pub(in crate::schema) schema: Cow<'s, Value>,
    pub(in crate::schema) patterns: WrittenPatterns,
}

impl<'s> Rewritten<'s> {
    /// Rewrites the patterns of a published schema.
    ///
    /// # Errors
    ///
    /// Fails at the first pattern that JavaScript rejects, or that cannot be matched in linear time.
    pub(in crate::schema) fn of(published: &'s Value) -> Result<Self, SchemaError> {
        let mut patterns = WrittenPatterns::default();
        let schema = if may_have_patterns(published) {
            let mut copy = Copy {
                schemas: places(published),
                patterns: &mut patterns,
                at: String::new(),
            };
            Cow::Owned(copy.value(published)?)
        } else {
            Cow::Borrowed(published)
        };
        Ok(Self { schema, patterns })
    }
}

/// The patterns of a schema as written, and in the engine's form. No two patterns have the same form, because they can
/// be names of one object.
#[derive(Debug, Default)]
pub(in crate::schema) struct WrittenPatterns {
    engine_texts: HashMap<String, String>,
    written: HashMap<String, String>,
}

impl WrittenPatterns {
    /// The pattern as written whose form for the engine is `engine_text`.
    pub(in crate::schema) fn written<'t>(&'t self, engine_text: &'t str) -> &'t str {
        self.written.get(engine_text).map_or(engine_text, String::as_str)
    }

    /// The place in the published schema of a place in the rewritten schema.
    pub(in crate::schema) fn published_place<'p>(&self, place: &'p str) -> Cow<'p, str> {
        renamed(place, &self.written)
    }

    /// The place in the rewritten schema of a place in the published schema.
    pub(in crate::schema) fn rewritten_place<'p>(&self, place: &'p str) -> Cow<'p, str> {
        renamed(place, &self.engine_texts)
    }

    fn engine_text(&mut self, pattern: &str, at: &str) -> Result<String, SchemaError> {
        if let Some(text) = self.engine_texts.get(pattern) {
            return Ok(text.clone());
        }
        let mut text = translate(pattern).map_err(|error| SchemaError::Pattern {
            at: at.to_owned(),
            part: error.part,
            source: Box::new(error.problem),
        })?;
        while self.written.contains_key(&text) {
            // An empty group changes the text and not its meaning.
            text.push_str("(?:)");
        }
        self.engine_texts.insert(pattern.to_owned(), text.clone());
        self.written.insert(text.clone(), pattern.to_owned());
        Ok(text)
    }
}

/// A JSON Pointer with other names in `patternProperties`.
fn renamed<'p>(place: &'p str, names: &HashMap<String, String>) -> Cow<'p, str> {
    const PARENT: &str = "/patternProperties/";
    if !place.contains(PARENT) || names.iter().all(|(from, to)| from == to) {
        return Cow::Borrowed(place);
    }
    let mut path = String::new();
    let mut is_name = false;
    for step in place.split('/').skip(1) {
        let name = step.replace("~1", "/").replace("~0", "~");
        path.push('/');
        match names.get(&name).filter(|_| is_name) {
            Some(other) => path.push_str(&walk::escape(other)),
            None => path.push_str(step),
        }
        is_name = step == "patternProperties";
    }
    Cow::Owned(path)
}

/// Whether a schema has a keyword with patterns, in a subschema or in data that looks like one.
fn may_have_patterns(value: &Value) -> bool {
    match value {
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key == "pattern" || key == "patternProperties" || may_have_patterns(value)),
        Value::Array(list) => list.iter().any(may_have_patterns),
        _ => false,
    }
}

/// The JSON Pointers of all schemas: those under keywords that contain schemas, and the targets of references.
fn places(root: &Value) -> HashSet<String> {
    let mut seen = HashSet::new();
    let mut open = vec![String::new()];
    while let Some(at) = open.pop() {
        let Some(schema) = root.pointer(&at).filter(|_| !seen.contains(&at)) else {
            continue;
        };
        open.extend(
            walk::children(schema)
                .into_iter()
                .map(|(_, step)| format!("{at}{step}")),
        );
        open.extend(walk::reference(schema));
        seen.insert(at);
    }
    seen
}

/// Copies a schema with other patterns.
struct Copy<'p> {
    /// The places of all schemas. Other objects are data.
    schemas: HashSet<String>,
    patterns: &'p mut WrittenPatterns,
    /// The place of the current value.
    at: String,
}

impl Copy<'_> {
    fn value(&mut self, value: &Value) -> Result<Value, SchemaError> {
        match value {
            Value::Object(map) => {
                let is_schema = self.schemas.contains(&self.at);
                let mut copy = Map::new();
                for (key, value) in map {
                    let value = self.inside(key, |this| match (key.as_str(), value) {
                        ("pattern", Value::String(pattern)) if is_schema => {
                            this.patterns.engine_text(pattern, &this.at).map(Value::String)
                        }
                        ("patternProperties", Value::Object(map)) if is_schema => this.named(map),
                        _ => this.value(value),
                    })?;
                    copy.insert(key.clone(), value);
                }
                Ok(Value::Object(copy))
            }
            Value::Array(list) => {
                let mut copy = Vec::with_capacity(list.len());
                for (index, value) in list.iter().enumerate() {
                    copy.push(self.inside(&index.to_string(), |this| this.value(value))?);
                }
                Ok(Value::Array(copy))
            }
            other => Ok(other.clone()),
        }
    }

    /// The schemas of `patternProperties`.
    fn named(&mut self, schemas: &Map<String, Value>) -> Result<Value, SchemaError> {
        let mut copy = Map::new();
        for (pattern, schema) in schemas {
            let (name, schema) = self.inside(pattern, |this| {
                let name = this.patterns.engine_text(pattern, &this.at)?;
                Ok((name, this.value(schema)?))
            })?;
            copy.insert(name, schema);
        }
        Ok(Value::Object(copy))
    }

    fn inside<T>(
        &mut self,
        step: &str,
        read: impl FnOnce(&mut Self) -> Result<T, SchemaError>,
    ) -> Result<T, SchemaError> {
        let end = self.at.len();
        self.at.push('/');
        self.at.push_str(&walk::escape(step));
        let result = read(self);
        self.at.truncate(end);
        result
    }
}
