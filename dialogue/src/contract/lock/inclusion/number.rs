//! Numbers: limits and multiples.

use std::cmp::Ordering;

use serde_json::Value;

use super::comparison::SchemaComparison;
use super::forms::{Form, JsonType};
use super::mismatch::Proof;

impl<'s> SchemaComparison<'s> {
    pub(super) fn numbers_fit(&self, form: &Form<'s>, kind: JsonType, wide: &Form<'s>) -> Proof {
        for (inclusive, exclusive, outwards, name) in [
            ("minimum", "exclusiveMinimum", Ordering::Less, "minimum"),
            ("maximum", "exclusiveMaximum", Ordering::Greater, "maximum"),
        ] {
            let own = strictest(form, inclusive, exclusive, outwards);
            let Some(wanted) = strictest(wide, inclusive, exclusive, outwards) else {
                continue;
            };
            if own.is_none_or(|own| own.order(wanted, outwards) == Ordering::Less) {
                let was = own.map_or("none".to_owned(), |own| own.limit.to_string());
                return Err(self.differs(
                    &format!("the {name} is now {}, was {was}", wanted.limit),
                    &format!("the {name} is now {was}, was {}", wanted.limit),
                ));
            }
        }
        for multiple in wide.all("multipleOf") {
            let whole = kind == JsonType::Integer && exact(multiple) == exact(&Value::from(1));
            if !whole && !form.all("multipleOf").any(|own| own == multiple) {
                return Err(self.differs(
                    &format!("must now be a multiple of {multiple}"),
                    &format!("no longer has to be a multiple of {multiple}"),
                ));
            }
        }
        Ok(())
    }
}

/// A lower or upper limit.
#[derive(Clone, Copy)]
struct Limit<'s> {
    limit: &'s Value,
    exclusive: bool,
}

impl Limit<'_> {
    /// `Less` if this limit allows more than the other. `outwards` is the direction in which a limit moves to allow
    /// more.
    fn order(self, other: Self, outwards: Ordering) -> Ordering {
        let distance = exact(self.limit).partial_cmp(&exact(other.limit));
        match distance {
            Some(Ordering::Equal) => self.exclusive.cmp(&other.exclusive),
            Some(order) if order == outwards => Ordering::Less,
            Some(_) => Ordering::Greater,
            None => Ordering::Less,
        }
    }
}

fn strictest<'s>(form: &Form<'s>, inclusive: &str, exclusive: &str, outwards: Ordering) -> Option<Limit<'s>> {
    let limits = |keyword: &str, exclusive| {
        form.all(keyword)
            .filter(|limit| limit.is_number())
            .map(move |limit| Limit { limit, exclusive })
            .collect::<Vec<_>>()
    };
    limits(inclusive, false)
        .into_iter()
        .chain(limits(exclusive, true))
        .max_by(|one, other| one.order(*other, outwards))
}

/// A number in a form in which all kinds of numbers compare without rounding: the whole part below it, and the rest.
fn exact(number: &Value) -> (i128, f64) {
    if let Some(number) = number.as_i64() {
        return (number.into(), 0.0);
    }
    if let Some(number) = number.as_u64() {
        return (number.into(), 0.0);
    }
    let number = number.as_f64().unwrap_or(f64::NAN);
    // Beyond this, a conversion would stop at the limits of the type. No 64-bit integer is that large, so only floats
    // are compared there.
    const FAR: f64 = 1e37;
    if number.abs() < FAR {
        (number.floor() as i128, number - number.floor())
    } else if number > 0.0 {
        (i128::MAX, number)
    } else {
        (i128::MIN, number)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::exact;

    #[test]
    fn numbers_compare_without_rounding() {
        assert!(exact(&json!(u64::MAX)) < exact(&json!(u64::MAX as f64)));
        assert!(exact(&json!(-1.5)) < exact(&json!(-1)));
        assert!(exact(&json!(1.0)) == exact(&json!(1)));
        assert!(exact(&json!(1e300)) < exact(&json!(1e301)));
        assert!(exact(&json!(-1e301)) < exact(&json!(-1e300)));
    }
}
