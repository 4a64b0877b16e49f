//! The names that a type accepts at each place: the fields and variants for which it asks its deserializer. They include
//! aliases, which no schema mentions.
//!
//! Names that serde reads through its own buffer (below a `flatten`, in untagged and internally tagged enums) cannot
//! be observed.

mod recorder;

use std::collections::{BTreeSet, HashMap};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// The innermost place that a type refuses, as far as it can be observed.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusal {
    /// A JSON Pointer into the data.
    pub(super) path: String,
    /// Whether the type refuses a key of the map there.
    pub(super) in_key: bool,
    /// The variants for which the type asks when it reads a key there.
    pub(super) names: Vec<&'static str>,
}

/// The names for which a type asks. Each place is a JSON Pointer into the data.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The fields of the struct, or the variants of the enum, at a place.
    at: HashMap<String, BTreeSet<&'static str>>,
    /// The variants of the enum that the keys of the map at a place are.
    keys: HashMap<String, BTreeSet<&'static str>>,
}

impl Names {
    /// Adds the names for which `E` asks when it reads `data`. If `E` refuses the data, returns the place that it
    /// refuses, and the names are those for which it asks before.
    pub(in crate::schema) fn add<E: DeserializeOwned>(&mut self, data: &Value) -> Result<(), Refusal> {
        recorder::read::<E>(self, data)
    }

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its names matter")]
    struct Outer {
        #[serde(alias = "old")]
        new: Option<Vec<Choice>>,
        keyed: BTreeMap<Choice, (u8,)>,
    }

    #[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    enum Choice {
        #[serde(alias = "first")]
        One,
        Two {
            #[serde(alias = "legacy")]
            field: u8,
        },
    }

    #[test]
    fn records_fields_variants_and_aliases_where_the_type_asks_for_them() {
        let mut names = Names::default();
        let data = json!({ "new": [{ "Two": { "field": 1 } }], "keyed": { "One": [1] } });
        assert!(names.add::<Outer>(&data).is_ok());
        let sorted = |names: BTreeSet<&'static str>| names.into_iter().collect::<Vec<_>>();
        assert_eq!(sorted(names.at("")), ["keyed", "new", "old"]);
        assert_eq!(sorted(names.at("/new/0")), ["One", "Two", "first"]);
        assert_eq!(sorted(names.at("/new/0/Two")), ["field", "legacy"]);
        assert_eq!(sorted(names.of_keys("/keyed")), ["One", "Two", "first"]);
        assert_eq!(names.at("/keyed/One"), BTreeSet::new());
    }

    #[test]
    fn a_refusal_has_the_innermost_place() {
        for (data, place) in [
            (
                json!({ "new": [{ "Two": { "field": "a" } }], "keyed": {} }),
                "/new/0/Two/field",
            ),
            (json!({ "new": [{ "Two": {} }], "keyed": {} }), "/new/0/Two"),
            (json!({ "new": ["Three"], "keyed": {} }), "/new/0"),
            (json!({ "keyed": { "One": [1], "Three": [1] } }), "/keyed"),
            (json!({}), ""),
        ] {
            let refusal = Names::default().add::<Outer>(&data).unwrap_err();
            assert_eq!(refusal.path, place, "{data}");
        }
    }
}
