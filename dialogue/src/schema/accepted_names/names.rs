//! The names for which a type asks, and what it refuses.

use std::collections::{BTreeSet, HashMap};

/// The innermost place that a type refuses, as far as it can be observed.
#[derive(Debug, Clone, Default)]
pub(in crate::schema) struct Refusal {
    /// A JSON Pointer into the data.
    pub(in crate::schema) path: String,
    /// Whether the type refuses a key of the map there.
    pub(in crate::schema) in_key: bool,
    /// The variants for which the type asks when it reads a key there.
    pub(in crate::schema) names: Vec<&'static str>,
}

/// The names for which a type asks. Each place is a JSON Pointer into the data.
#[derive(Debug, Default)]
pub(in crate::schema) struct Names {
    /// The fields of the struct, or the variants of the enum, at a place.
    pub(super) at: HashMap<String, BTreeSet<&'static str>>,
    /// The variants of the enum that the keys of the map at a place are.
    pub(super) keys: HashMap<String, BTreeSet<&'static str>>,
}

impl Names {
    /// The fields and variants for which the type asks at a place.
    pub(in crate::schema) fn at(&self, path: &str) -> BTreeSet<&'static str> {
        self.at.get(path).cloned().unwrap_or_default()
    }

    /// The variants for which the type asks when it reads a key of the map at a place. If none is known, because serde
    /// buffers the map, these are all names.
    pub(in crate::schema) fn of_keys(&self, path: &str) -> BTreeSet<&'static str> {
        match self.keys.get(path) {
            Some(names) => names.clone(),
            None => self.at.values().chain(self.keys.values()).flatten().copied().collect(),
        }
    }
}
