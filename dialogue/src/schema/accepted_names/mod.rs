//! The names that a type accepts at each place: the fields and variants for which it asks its deserializer. They include
//! aliases, which no schema mentions.
//!
//! Names that serde reads through its own buffer (below a `flatten`, in untagged and internally tagged enums) cannot
//! be observed.

mod names;
mod recorder;

pub(super) use names::{Names, Refusal};

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

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
