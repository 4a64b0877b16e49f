//! The integers that the keys of a map may be, and their pattern.

/// The integers that the keys of a map may be, in the decimal form that serde reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IntegerKeys {
    /// How far the keys go below zero: 128 for an `i8`, 0 for unsigned types.
    pub(super) below: u64,
    pub(super) zero: bool,
    pub(super) above: u64,
}

impl IntegerKeys {
    /// The widest keys that one of schemars' patterns for integer keys may mean; `None` for other patterns.
    pub(super) fn of_pattern(pattern: &str) -> Option<Self> {
        let below = match pattern {
            r"^\d+$" => 0,
            r"^-?\d+$" => i64::MIN.unsigned_abs(),
            _ => return None,
        };
        Some(Self {
            below,
            zero: true,
            above: u64::MAX,
        })
    }

    /// A pattern that matches these integers and no other text.
    pub(super) fn pattern(self) -> String {
        let mut forms = Vec::new();
        if self.below > 0 {
            forms.push(format!("-({})", positive_up_to(self.below)));
        }
        if self.zero {
            forms.push("0".to_owned());
        }
        forms.push(positive_up_to(self.above));
        format!("^({})$", forms.join("|"))
    }
}

/// A pattern with alternatives for the decimal forms of 1 to `most`.
fn positive_up_to(most: u64) -> String {
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
            Just(127_u64),
            Just(255),
            Just(65535),
            Just(u64::from(u32::MAX)),
            any::<u64>()
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
        fn a_key_pattern_matches_its_integers_in_their_one_form(keys in keys(), near in -2_i128..=2, text in "-?[0-9]{1,3}") {
            let pattern = jsonschema::options()
                .with_pattern_options(jsonschema::PatternOptions::regex())
                .build(&json!({ "pattern": keys.pattern() }))
                .unwrap();
            let near = [i128::from(keys.above) + near, -i128::from(keys.below) + near, near].map(|number| number.to_string());
            for text in near.into_iter().chain([text, "+1".to_owned(), "1.0".to_owned(), String::new()]) {
                let expected = text.parse::<i128>().is_ok_and(|number| {
                    number.to_string() == text
                        && number <= i128::from(keys.above)
                        && number >= -i128::from(keys.below)
                        && (number != 0 || keys.zero)
                });
                prop_assert_eq!(pattern.is_valid(&json!(text)), expected, "{} by {}", text, keys.pattern());
            }
        }
    }
}
