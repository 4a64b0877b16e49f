//! How often serde reads data that is nested in untagged enums.
//!
//! An untagged enum is read by trying one variant after the other. Where it holds itself in several variants that begin
//! alike, each level of nesting multiplies the tries: thirty levels, a few hundred bytes, would take minutes, and with
//! more than two such variants hours. Schemas are satisfied or not in linear time; so the tries are counted before the
//! type is given the data.

use std::collections::HashMap;

use serde_json::Value;

use super::subschemas::{SubschemaValidators, could_be, values};
use super::violation::Violation;
use super::walk;

/// The most readings of a value or a part of it: some hundredths of a second.
const MAX_READS: u64 = 100_000;

/// Data that is less deep is read, however it is nested.
const SHALLOW: usize = 6;

/// Whether a type of this schema may have to read a value more than once; the deeper, the more often, if it holds itself.
pub(super) fn has_choices(root: &Value) -> bool {
    let is_choice = |at: &String| {
        let forms = root.pointer(at).and_then(|schema| schema.get("anyOf")?.as_array());
        forms.is_some_and(|forms| {
            forms
                .iter()
                .filter(|form| form.get("type") != Some(&"null".into()))
                .count()
                > 1
        })
    };
    walk::pointers(root).iter().any(is_choice)
}

/// Refuses data that would be read too often.
pub(super) fn check(subschemas: &SubschemaValidators, root: &Value, data: &Value) -> Result<(), Vec<Violation>> {
    if depth(data) <= SHALLOW {
        return Ok(());
    }
    let mut counter = ReadCounter {
        subschemas,
        root,
        counted: HashMap::new(),
        accepted: HashMap::new(),
    };
    if counter.count("", data) <= MAX_READS {
        return Ok(());
    }
    Err(vec![Violation::new(
        String::new(),
        "anyOf",
        "value is nested too deeply in forms that are not told apart by a tag".to_owned(),
    )])
}

struct ReadCounter<'d> {
    subschemas: &'d SubschemaValidators,
    root: &'d Value,
    counted: HashMap<(String, *const Value), u64>,
    accepted: HashMap<(String, *const Value), bool>,
}

impl<'d> ReadCounter<'d> {
    /// How many readings of a value and its parts it takes to read it by the schema at `at`.
    fn count(&mut self, at: &str, value: &'d Value) -> u64 {
        let key = (at.to_owned(), std::ptr::from_ref(value));
        if let Some(count) = self.counted.get(&key) {
            return *count;
        }
        // Where the way to a schema leads back to it, there is nothing more to read.
        self.counted.insert(key.clone(), 1);
        let mut sum = 1_u64;
        let mut found = ["anyOf", "oneOf"].map(|keyword| (format!("{at}/{keyword}/"), false));
        for (edge, to) in walk::held(self.root, at) {
            let Some((_, found)) = found.iter_mut().find(|(prefix, _)| to.starts_with(prefix.as_str())) else {
                for (_, part) in values(self.root, at, value, &edge) {
                    sum = sum.saturating_add(self.count(&to, part));
                }
                continue;
            };
            if !*found && could_be(self.root, &to, value) {
                sum = sum.saturating_add(self.count(&to, value));
                *found = self.accepts(&to, value);
            }
        }
        self.counted.insert(key, sum);
        sum
    }

    fn accepts(&mut self, at: &str, value: &'d Value) -> bool {
        let key = (at.to_owned(), std::ptr::from_ref(value));
        *self
            .accepted
            .entry(key)
            .or_insert_with(|| self.subschemas.accepts(at, value))
    }
}

fn depth(data: &Value) -> usize {
    let deepest = match data {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    1 + deepest.unwrap_or(0)
}
