//! Keywords that make a schema as narrow as its type, found after the type refused a value that the schema allows.

use serde_json::{Map, Value, json};

use crate::schema::string_forms::Family;
use crate::schema::walk;

/// Limits of integers that no keyword of schemars mentions: the seconds of a duration that counts milliseconds in 64
/// bits, whatever its nanoseconds.
const INTEGER_LIMITS: [(i64, i64); 1] = [(-9_223_372_036_854_775, 9_223_372_036_854_774)];

/// The limits of numbers: decimal numbers of 96 bits.
const NUMBER_LIMITS: [f64; 1] = [1e28];

/// A value that a type refuses although its schema allows it.
pub(super) struct Refused<'a> {
    pub(super) keywords: &'a Map<String, Value>,
    pub(super) value: &'a Value,
    /// The type's error.
    pub(super) message: &'a str,
    /// Maximum lengths that other values of the type have.
    pub(super) lengths: Vec<usize>,
    /// Whether the type reads another value at the same place.
    pub(super) reads: &'a dyn Fn(Value) -> bool,
}

impl Refused<'_> {
    /// Keywords to add to the schema, and the family of forms to which they belong.
    pub(super) fn narrower(&self) -> Option<(Family, Map<String, Value>)> {
        match self.value {
            Value::String(text) => self.length(text).or_else(|| self.form()),
            Value::Number(_) if walk::has_type(self.keywords, "integer") => self.integers(),
            Value::Number(_) => self.numbers(),
            _ => None,
        }
    }

    /// A maximum length that the type's error names. Without the error, a limit that depends on another value could be
    /// taken for a limit of the type.
    pub(super) fn length(&self, text: &str) -> Option<(Family, Map<String, Value>)> {
        let family = Family::of(self.keywords)?;
        let length = text.chars().count();
        let reads = |length: usize| (self.reads)(Value::String("a".repeat(length)));
        let named = numbers_in(self.message).chain(self.lengths.iter().copied());
        let mut named = named.filter(|number| (1..length).contains(number));
        let most = named.find(|most| reads(*most) && !reads(most + 1))?;
        Some((family, Map::from_iter([("maxLength".to_owned(), json!(most))])))
    }

    fn form(&self) -> Option<(Family, Map<String, Value>)> {
        let family = Family::of(self.keywords)?;
        let reads = |text: &String| (self.reads)(Value::String(text.clone()));
        let mut forms = family.forms().into_iter();
        let form = forms.find(|form| form.inside.iter().all(reads) && !form.outside.iter().any(reads))?;
        Some((family, form.keywords))
    }

    fn integers(&self) -> Option<(Family, Map<String, Value>)> {
        let reads = |number: i64| (self.reads)(json!(number));
        let (least, most) = INTEGER_LIMITS
            .into_iter()
            .find(|(least, most)| reads(*least) && reads(*most) && !reads(least - 2) && !reads(most + 2))?;
        Some((Family::Open, limits(json!(least), json!(most))))
    }

    fn numbers(&self) -> Option<(Family, Map<String, Value>)> {
        let reads = |number: f64| (self.reads)(json!(number));
        let most = NUMBER_LIMITS
            .into_iter()
            .find(|most| reads(*most) && reads(-most) && !reads(most * 10.0) && !reads(most * -10.0))?;
        Some((Family::Open, limits(json!(-most), json!(most))))
    }
}

fn limits(least: Value, most: Value) -> Map<String, Value> {
    Map::from_iter([("minimum".to_owned(), least), ("maximum".to_owned(), most)])
}

/// The whole numbers in a text.
fn numbers_in(text: &str) -> impl Iterator<Item = usize> {
    text.split(|one: char| !one.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrower(schema: Value, value: Value, message: &str, reads: impl Fn(Value) -> bool) -> Option<Value> {
        let refused = Refused {
            keywords: schema.as_object().unwrap(),
            value: &value,
            message,
            lengths: Vec::new(),
            reads: &reads,
        };
        refused.narrower().map(|(_, keywords)| Value::Object(keywords))
    }

    #[test]
    fn a_maximum_length_is_taken_only_from_the_error_of_the_type() {
        let at_most_16 = |value: Value| value.as_str().is_some_and(|text| text.len() <= 16);
        let long = json!("a".repeat(1000));
        let text = json!({ "type": "string" });
        assert_eq!(
            narrower(text.clone(), long.clone(), "length 1000, at most 16 bytes", at_most_16),
            Some(json!({ "maxLength": 16 }))
        );
        assert_eq!(narrower(text.clone(), long.clone(), "too long", at_most_16), None);
        assert_eq!(narrower(text, long, "at most 20", at_most_16), None);
    }

    #[test]
    fn a_rule_between_two_values_is_not_taken_for_a_limit() {
        let end_is_5 = |value: Value| value.as_i64().is_some_and(|start| start <= 5);
        let integer = json!({ "type": "integer" });
        assert_eq!(
            narrower(integer, json!(255), "start 255 is after end 5", end_is_5),
            None
        );
        let longer = |value: Value| value.as_str().is_some_and(|text| text.len() >= 8);
        assert_eq!(
            narrower(json!({ "type": "string" }), json!("a"), "too short", longer),
            None
        );
    }
}
