//! Counts the work to define an event, for tests.

use std::cell::Cell;

use serde_json::Value;

thread_local! {
    static COST: Cell<Cost> = const { Cell::new(Cost { schemas: 0, values: 0 }) };
}

/// The work on one thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// How often a schema was looked at.
    pub(super) schemas: usize,
    /// How many values the type was shown.
    pub(super) values: usize,
}

impl Cost {
    pub(super) fn of(work: impl FnOnce()) -> Self {
        let before = COST.get();
        work();
        let after = COST.get();
        Self {
            schemas: after.schemas - before.schemas,
            values: after.values - before.values,
        }
    }
}

pub(super) fn visit_schema() {
    let mut cost = COST.get();
    cost.schemas += 1;
    COST.set(cost);
}

/// A type is shown a sample.
pub(super) fn read(sample: &Value) {
    let mut cost = COST.get();
    cost.values += count(sample);
    COST.set(cost);
}

fn count(data: &Value) -> usize {
    1 + match data {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum::<usize>(),
        _ => 0,
    }
}
