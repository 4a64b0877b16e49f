//! The cost of decoding data that is nested in untagged enums.
//!
//! Serde reads an untagged enum by trying one variant after the other. If the enum contains itself in several variants
//! that begin alike, each level of nesting multiplies the attempts. Thirty levels take only a few hundred bytes, but
//! would take minutes to read; with more than two such variants, hours. A schema is checked in linear time. So the
//! attempts are counted before the type reads the data.

use std::collections::HashMap;

use serde_json::Value;

use super::subschemas::{SubschemaValidators, could_be, values};
use super::violation::Violation;
use super::walk;

/// The maximum number of reads of a value and its parts. They take some hundredths of a second.
const MAX_READS: u64 = 100_000;

/// Data up to this depth is always read.
const SHALLOW: usize = 6;

/// Whether a type with this schema may have to read a value more than once. If the type contains itself, the number of
/// reads grows with the depth.
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

/// Refuses data that would take too many reads.
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
        "value is nested too deeply in forms that have no tag".to_owned(),
    )])
}

struct ReadCounter<'d> {
    subschemas: &'d SubschemaValidators,
    root: &'d Value,
    counted: HashMap<(String, *const Value), u64>,
    accepted: HashMap<(String, *const Value), bool>,
}

impl<'d> ReadCounter<'d> {
    /// How many reads it takes to read a value and its parts by the schema at `at`.
    fn count(&mut self, at: &str, value: &'d Value) -> u64 {
        let key = (at.to_owned(), std::ptr::from_ref(value));
        if let Some(count) = self.counted.get(&key) {
            return *count;
        }
        // If a schema leads back to itself, nothing more is read there.
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
