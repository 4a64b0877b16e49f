//! Arrays: lengths, items at fixed places, and all other items.

use serde_json::{Map, Value};

use super::comparison::SchemaComparison;
use super::forms::{ANYTHING, Form};
use super::mismatch::Proof;

impl<'s> SchemaComparison<'s> {
    pub(super) fn arrays_fit(&self, form: &Form<'s>, wide: &Form<'s>) -> Proof {
        let least = form.at_least("minItems");
        let most = longest(form);
        self.limits_fit(
            "items",
            [least, most],
            [wide.at_least("minItems"), wide.at_most("maxItems")],
        )?;
        let unique = |form: &Form<'_>| form.all("uniqueItems").any(|unique| *unique == Value::Bool(true));
        if unique(wide) && !unique(form) && most > 1 {
            return Err(self.differs("items must now be unique", "items may now be repeated"));
        }
        let places = form
            .parts
            .iter()
            .chain(&wide.parts)
            .map(|part| listed(part).len())
            .max();
        let places = places.unwrap_or(0);
        for part in &wide.parts {
            for place in 0..places {
                if (place as u64) < most
                    && let Some(item) = item(part, place)
                {
                    self.below(&place.to_string(), &items(form, place), &[item])?;
                }
            }
            if places as u64 >= most {
                continue;
            }
            if let Some(rest) = item(part, places) {
                self.below("*", &items(form, places), &[rest])?;
            }
        }
        Ok(())
    }
}

/// The maximum number of items of an array with this form.
pub(super) fn longest(form: &Form<'_>) -> u64 {
    let closed = form
        .parts
        .iter()
        .filter(|part| part.get("items") == Some(&Value::Bool(false)));
    let closed = closed.map(|part| listed(part).len() as u64).min();
    form.at_most("maxItems").min(closed.unwrap_or(u64::MAX))
}

/// The schemas of the item at a place. The item satisfies all of them.
pub(super) fn items<'s>(form: &Form<'s>, place: usize) -> Vec<&'s Value> {
    let items: Vec<_> = form.parts.iter().filter_map(|part| item(part, place)).collect();
    if items.is_empty() { vec![&ANYTHING] } else { items }
}

fn item(part: &Map<String, Value>, place: usize) -> Option<&Value> {
    listed(part).get(place).or_else(|| part.get("items"))
}

fn listed(part: &Map<String, Value>) -> &[Value] {
    part.get("prefixItems")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
