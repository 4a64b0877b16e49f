//! The violations of data that is nested in alternatives, found in time that does not grow exponentially.
//!
//! The validator reports the errors of every alternative of a union, and of every alternative inside of these. A type
//! may contain itself in several of its variants, as the nodes of a document do. Each level of nesting then multiplies
//! the errors, and a few hundred bytes from a client would keep the server busy for hours. Finding out whether data is
//! valid takes linear time. So for such data, this module descends to the first part that is invalid, and reports only
//! the violations there.

use serde_json::Value;

use super::report::{self, MORE_THAN_ONE};
use super::subschemas::{SubschemaValidators, values};
use super::union::{self, Reason};
use super::violation::Violation;
use super::walk::{self, Edge};

/// How many schemas the validator may visit for each value of the data, on average, to collect its errors. One level
/// of nesting in a union of a dozen variants with some fields each stays below this.
const VISITS_PER_VALUE: usize = 64;

/// The maximum number of visits in total: some tens of milliseconds.
const MAX_VISITS: usize = 100_000;

/// How many schemas deep the search descends. This is deeper than parsed JSON can be nested (128), with a union and a
/// few references at each level. A schema that refers only to itself has no end.
const MAX_DEPTH: usize = 1_000;

/// The violations at the first place where the data is not valid. `subschemas` are the parts of `root`.
pub(super) fn violations(subschemas: &SubschemaValidators, root: &Value, data: &Value) -> Vec<Violation> {
    Descent { subschemas, root }.violations(data)
}

/// The search for the first place at which the data is not valid.
struct Descent<'s> {
    subschemas: &'s SubschemaValidators,
    root: &'s Value,
}

impl Descent<'_> {
    fn violations(&self, data: &Value) -> Vec<Violation> {
        let mut here = Place {
            at: String::new(),
            path: String::new(),
            value: data,
        };
        for _ in 0..MAX_DEPTH {
            here = match self.next_step(&here) {
                NextStep::Down(next) => next,
                NextStep::Stop(violation) => return vec![violation],
                NextStep::End => break,
            };
        }
        let Some(validator) = self.subschemas.at(&here.at) else {
            return vec![here.violation("type", "value does not have the form that is allowed here".to_owned())];
        };
        report::violations(self.root, self.subschemas.patterns(), validator.iter_errors(here.value))
            .into_iter()
            .map(|below| Violation::new(format!("{}{}", here.path, below.path), &below.rule, below.message))
            .collect()
    }

    fn next_step<'d>(&self, here: &Place<'d>) -> NextStep<'d> {
        let unions = ["anyOf", "oneOf"].map(|keyword| (keyword, format!("{}/{keyword}/", here.at)));
        let (alternatives, parts): (Vec<_>, Vec<_>) = walk::held(self.root, &here.at)
            .into_iter()
            .partition(|(_, to)| unions.iter().any(|(_, prefix)| to.starts_with(prefix.as_str())));
        for (edge, to) in parts {
            if edge == Edge::Additional && self.root.pointer(&to) == Some(&Value::Bool(false)) {
                // The violation is that of the object, which has too many properties.
                continue;
            }
            let held = values(self.root, &here.at, here.value, &edge);
            if let Some((step, value)) = held.into_iter().find(|(_, value)| !self.subschemas.accepts(&to, value)) {
                return NextStep::Down(Place {
                    at: to,
                    path: format!("{}{step}", here.path),
                    value,
                });
            }
        }
        for (keyword, prefix) in unions {
            let forms: Vec<&str> = alternatives
                .iter()
                .map(|(_, to)| to.as_str())
                .filter(|to| to.starts_with(&prefix))
                .collect();
            if let Some(next_step) = self.next_step_in_union(here, keyword, &forms) {
                return next_step;
            }
        }
        NextStep::End
    }

    /// The next step from a union of `forms`, if it refuses the value.
    fn next_step_in_union<'d>(&self, here: &Place<'d>, keyword: &'static str, forms: &[&str]) -> Option<NextStep<'d>> {
        let accepting = forms
            .iter()
            .filter(|form| self.subschemas.accepts(form, here.value))
            .count();
        match accepting {
            0 if forms.is_empty() => return None,
            0 => {}
            2.. if keyword == "oneOf" => {
                return Some(NextStep::Stop(here.violation(keyword, MORE_THAN_ONE.to_owned())));
            }
            _ => return None,
        }
        let reason = union::reason(self.root, &format!("{}/{keyword}", here.at), keyword, here.value);
        Some(match reason {
            Reason::Form(index) => NextStep::Down(Place {
                at: format!("{}/{keyword}/{index}", here.at),
                path: here.path.clone(),
                value: here.value,
            }),
            Reason::Here { step, rule, message } => {
                NextStep::Stop(Violation::new(format!("{}{step}", here.path), rule, message))
            }
        })
    }
}

/// A value of the data, and the schema that refuses it.
struct Place<'d> {
    at: String,
    path: String,
    value: &'d Value,
}

impl Place<'_> {
    fn violation(&self, rule: &str, message: String) -> Violation {
        Violation::new(self.path.clone(), rule, message)
    }
}

enum NextStep<'d> {
    /// Continue with this part of the value, or of the schema.
    Down(Place<'d>),
    /// Stop with this violation. The parts would not explain more.
    Stop(Violation),
    /// Stop here: the schema itself refuses the value, and none of its parts does.
    End,
}

/// Whether the validator would visit too many schemas to collect its errors.
pub(super) fn takes_long(root: &Value, data: &Value) -> bool {
    let mut left = count(data).saturating_mul(VISITS_PER_VALUE).clamp(1_000, MAX_VISITS);
    let here = Place {
        at: String::new(),
        path: String::new(),
        value: data,
    };
    !visit(root, &here, MAX_DEPTH, &mut left)
}

/// Visits a value with every schema that applies to it. Returns whether that was possible within `depth` and with the
/// visits that are `left`.
fn visit(root: &Value, here: &Place<'_>, depth: usize, left: &mut usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    for (edge, at) in walk::held(root, &here.at) {
        for (_, value) in values(root, &here.at, here.value, &edge) {
            let Some(rest) = left.checked_sub(1) else {
                return false;
            };
            *left = rest;
            let next = Place {
                at: at.clone(),
                path: String::new(),
                value,
            };
            if !visit(root, &next, depth, left) {
                return false;
            }
        }
    }
    true
}

fn count(data: &Value) -> usize {
    1 + match data {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum::<usize>(),
        _ => 0,
    }
}
