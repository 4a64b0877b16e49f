//! One form: its keywords, with texts on both sides of its limits.

use serde_json::{Map, Value, json};

/// A form of strings.
#[derive(Debug, Clone)]
pub(in crate::schema) struct StringForm {
    /// The keywords that describe it.
    pub(in crate::schema) keywords: Map<String, Value>,
    /// Texts in this form, among them the longest and the least usual. A type of this form reads all of them.
    pub(in crate::schema) inside: Vec<String>,
    /// Texts that miss the form narrowly. A type of this form refuses all of them. They prevent that a type with
    /// another rule, such as a minimum length, gets this form because it happens to read the texts above.
    pub(in crate::schema) outside: Vec<String>,
}

impl StringForm {
    pub(super) fn new<'t>(
        keywords: Value,
        inside: impl IntoIterator<Item = &'t str>,
        outside: impl IntoIterator<Item = &'t str>,
    ) -> Self {
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        Self {
            keywords: match keywords {
                Value::Object(keywords) => keywords,
                _ => Map::new(),
            },
            inside: owned(inside.into_iter().collect()),
            outside: owned(outside.into_iter().collect()),
        }
    }

    /// One of these texts. `None` if there are none.
    pub(in crate::schema) fn one_of(texts: &[&str]) -> Option<Self> {
        let others = ["", "a", "b", "é", "0", "1", "no such text"];
        let others = others.into_iter().filter(|text| !texts.contains(text));
        let form = || Self::new(json!({ "enum": texts }), texts.iter().copied(), others);
        (!texts.is_empty()).then(form)
    }

    pub(super) fn pattern<'t>(
        pattern: &str,
        inside: impl IntoIterator<Item = &'t str>,
        outside: impl IntoIterator<Item = &'t str>,
    ) -> Self {
        Self::new(json!({ "pattern": pattern }), inside, outside)
    }
}
