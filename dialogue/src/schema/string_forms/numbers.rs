//! Integers as text: which integers a text or the key of a map may be, and their pattern.

use super::form::StringForm;

/// A range of integers around zero, in the decimal form that serde reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::schema) struct IntegerKeys {
    /// How far they go below zero: 128 for an `i8`, 0 for unsigned types.
    pub(in crate::schema) below: u128,
    pub(in crate::schema) zero: bool,
    pub(in crate::schema) above: u128,
}

impl IntegerKeys {
    /// The integers from 0 to `most`.
    pub(in crate::schema) fn up_to(most: u128) -> Self {
        Self {
            below: 0,
            zero: true,
            above: most,
        }
    }

    /// The widest keys that one of schemars' patterns for integer keys may mean; `None` for other patterns.
    pub(in crate::schema) fn of_pattern(pattern: &str) -> Option<Self> {
        let below = match pattern {
            r"^\d+$" => 0,
            r"^-?\d+$" => i64::MIN.unsigned_abs().into(),
            _ => return None,
        };
        Some(Self {
            below,
            zero: true,
            above: u64::MAX.into(),
        })
    }

    /// A pattern that matches these integers and no other text.
    pub(in crate::schema) fn pattern(self) -> String {
        format!("^({})$", self.alternatives())
    }

    /// The same without anchors: alternatives, to be put into a group.
    pub(super) fn alternatives(self) -> String {
        let mut forms = Vec::new();
        if self.below > 0 {
            forms.push(format!("-({})", positive_up_to(self.below)));
        }
        if self.zero {
            forms.push("0".to_owned());
        }
        forms.push(positive_up_to(self.above));
        forms.join("|")
    }
}

/// The integers of each type of Rust, as texts.
pub(super) fn integers() -> Vec<StringForm> {
    let unsigned = [
        u8::MAX.into(),
        u16::MAX.into(),
        u32::MAX.into(),
        u64::MAX.into(),
        u128::MAX,
    ];
    let unsigned = unsigned.into_iter().map(|above| (0, above));
    let signed = [7_u32, 15, 31, 63, 127]
        .into_iter()
        .map(|bits| (1_u128 << bits, (1_u128 << bits) - 1));
    unsigned
        .chain(signed)
        .flat_map(|(below, above)| [true, false].map(|zero| IntegerKeys { below, zero, above }))
        .map(form)
        .collect()
}

fn form(integers: IntegerKeys) -> StringForm {
    let IntegerKeys { below, zero, above } = integers;
    let negative = |number: &str| format!("-{number}");
    let mut inside = vec!["1".to_owned(), above.to_string()];
    let mut outside = vec![String::new(), "1.5".to_owned(), "1a".to_owned(), next(above)];
    match below {
        0 => outside.push("-1".to_owned()),
        below => {
            inside.push(negative(&below.to_string()));
            outside.push(negative(&next(below)));
        }
    }
    if zero { &mut inside } else { &mut outside }.push("0".to_owned());
    StringForm::pattern(
        &integers.pattern(),
        inside.iter().map(String::as_str),
        outside.iter().map(String::as_str),
    )
}

/// The decimal form of `number` + 1, which may have more than 128 bits.
fn next(number: u128) -> String {
    match number.checked_add(1) {
        Some(next) => next.to_string(),
        None => "340282366920938463463374607431768211456".to_owned(),
    }
}

/// A pattern with alternatives for the decimal forms of 1 to `most`.
fn positive_up_to(most: u128) -> String {
    let digits = most.to_string();
    let any = |count: usize| {
        if count == 0 {
            String::new()
        } else {
            format!("[0-9]{{{count}}}")
        }
    };
    let mut forms = Vec::new();
    if digits.len() > 1 {
        forms.push(format!("[1-9][0-9]{{0,{}}}", digits.len() - 2));
    }
    for (place, digit) in digits.char_indices() {
        let least = if place == 0 { '1' } else { '0' };
        if digit > least {
            let below = char::from(digit as u8 - 1);
            forms.push(format!(
                "{}[{least}-{below}]{}",
                &digits[..place],
                any(digits.len() - place - 1)
            ));
        }
    }
    forms.push(digits);
    forms.join("|")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn keys() -> impl Strategy<Value = IntegerKeys> {
        let limits = prop_oneof![
            Just(127_u128),
            Just(255),
            Just(65535),
            Just(u128::from(u32::MAX)),
            any::<u64>().prop_map(u128::from),
        ];
        (prop_oneof![Just(0), Just(128), Just(1 << 63)], any::<bool>(), limits).prop_map(|(below, zero, above)| {
            IntegerKeys {
                below,
                zero,
                above: above.max(1),
            }
        })
    }

    proptest! {
        #[test]
        fn a_pattern_matches_its_integers_in_their_one_form(keys in keys(), near in -2_i128..=2, text in "-?[0-9]{1,3}") {
            let pattern = jsonschema::options()
                .with_pattern_options(jsonschema::PatternOptions::regex())
                .build(&json!({ "pattern": keys.pattern() }))
                .unwrap();
            let signed = |number: u128| i128::try_from(number).unwrap();
            let near = [signed(keys.above) + near, -signed(keys.below) + near, near].map(|number| number.to_string());
            for text in near.into_iter().chain([text, "+1".to_owned(), "1.0".to_owned(), String::new()]) {
                let expected = text.parse::<i128>().is_ok_and(|number| {
                    number.to_string() == text
                        && number <= signed(keys.above)
                        && number >= -signed(keys.below)
                        && (number != 0 || keys.zero)
                });
                prop_assert_eq!(pattern.is_valid(&json!(text)), expected, "{} by {}", text, keys.pattern());
            }
        }
    }
}
