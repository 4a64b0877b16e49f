//! The forms in which types write values as strings, such as dates, decimal numbers and socket addresses.
//!
//! schemars describes many such types as plain strings, or with a format that validators do not know. This table has,
//! for each form, the keywords that describe it, texts in the form, and texts that miss it narrowly. A type has a form
//! if it reads all of the former and none of the latter. Owns no search: the probe shows the texts to the type.

mod form;
mod numbers;
mod patterns;

use serde_json::{Map, Value, json};

pub(super) use form::StringForm;
pub(super) use numbers::IntegerKeys;

/// Why a string schema may be wider than its type, and with it the forms to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    /// Nothing says what the texts are.
    Open,
    /// The format `date-time`, which leaves the number of digits of a fraction open.
    DateTime,
    /// The format `duration`, which has neither a sign nor a fraction. Some types write both.
    Duration,
    /// schemars' patterns for decimal numbers of any size.
    Decimal,
}

impl Family {
    /// The family of a schema of strings; `None` if its texts are already described.
    pub(super) fn of(schema: &Map<String, Value>) -> Option<Self> {
        if ["const", "enum"].iter().any(|keyword| schema.contains_key(*keyword)) {
            return None;
        }
        let text = |keyword: &str| schema.get(keyword).and_then(Value::as_str);
        match (text("pattern"), text("format")) {
            (Some(DECIMAL_READ | DECIMAL_WRITTEN), _) => Some(Self::Decimal),
            (Some(_), _) => None,
            (None, Some("date-time")) => Some(Self::DateTime),
            (None, Some("duration")) => Some(Self::Duration),
            (None, Some(format)) if KNOWN_FORMATS.contains(&format) => None,
            (None, _) => Some(Self::Open),
        }
    }

    /// The forms of this family. A wider form comes before those that it contains.
    pub(super) fn forms(self) -> Vec<StringForm> {
        match self {
            Self::Open => open(),
            Self::DateTime => date_times(),
            Self::Duration => durations(),
            Self::Decimal => decimals(),
        }
    }

    /// The keywords that a form of this family replaces.
    pub(super) fn replaced(self) -> &'static [&'static str] {
        match self {
            Self::Open | Self::DateTime => &[],
            Self::Duration => &["format"],
            Self::Decimal => &["pattern"],
        }
    }
}

/// schemars' pattern for a decimal number that clients send.
const DECIMAL_READ: &str = r"^-?\d+(\.\d+)?([eE]\d+)?$";

/// schemars' pattern for a decimal number that clients receive.
pub(super) const DECIMAL_WRITTEN: &str = r"^-?\d+(\.\d+)?$";

/// The formats that the validator asserts. Those of internationalized names are not among them.
const KNOWN_FORMATS: &[&str] = &[
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

/// The pattern of a format that schemars uses and no validator knows. Only the format of zoned times needs to be kept
/// with it: without a list of all time zones, a pattern says less than the format.
pub(super) fn pattern_of_format(format: &str) -> Option<String> {
    match format {
        "partial-date-time" => Some(patterns::civil_date_time()),
        "partial-time" => Some(patterns::civil_time()),
        "zoned-date-time" => Some(patterns::zoned_date_time()),
        _ => None,
    }
}

/// Texts in a format that only schemars uses.
pub(super) fn examples_of_format(format: &str) -> &'static [&'static str] {
    match format {
        "partial-date-time" => CIVIL_DATE_TIMES,
        "partial-time" => CIVIL_TIMES,
        "zoned-date-time" => ZONED_DATE_TIMES,
        _ => &[],
    }
}

const CIVIL_DATE_TIMES: &[&str] = &[
    "2024-02-29T12:00:00",
    "0000-01-01T00:00:00",
    "9999-12-31T23:59:59.999999999",
];
const CIVIL_TIMES: &[&str] = &["12:00:00", "00:00:00.5", "23:59:59.999999999"];
// A fixed offset needs no database of time zones.
const ZONED_DATE_TIMES: &[&str] = &[
    "2024-02-29T12:00:00+00:00[+00:00]",
    "1985-04-12T23:20:50.52-01:30[-01:30]",
];

fn open() -> Vec<StringForm> {
    let mut forms = vec![
        StringForm::new(
            json!({ "format": "uuid" }),
            [
                "67e55044-10b1-426f-9247-bb680e5fe0c8",
                "67E55044-10B1-426F-9247-BB680E5FE0C8",
            ],
            [
                "67e55044-10b1-426f-9247-bb680e5fe0cg",
                "67e55044-10b1-426f-9247-bb680e5fe0c",
            ],
        ),
        StringForm::pattern(
            patterns::ULID,
            ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"],
            ["01ARZ3NDEKTSV4RRFFQ69G5FA!", "01ARZ3NDEKTSV4RRFFQ69G5FA"],
        ),
        StringForm::new(
            json!({ "format": "date" }),
            ["2024-02-29", "0000-01-01", "9999-12-31"],
            ["2023-02-29", "2024-02"],
        ),
        StringForm::pattern(
            &patterns::civil_date_time(),
            CIVIL_DATE_TIMES.iter().copied(),
            ["2023-02-29T12:00:00", "2024-02-29T24:00:01"],
        ),
        StringForm::pattern(
            &patterns::civil_time(),
            CIVIL_TIMES.iter().copied(),
            ["24:00:01", "12:60:00"],
        ),
        StringForm::new(
            json!({ "format": "zoned-date-time", "pattern": patterns::zoned_date_time() }),
            ZONED_DATE_TIMES.iter().copied(),
            ["2024-02-29T12:00:00", "2023-02-29T12:00:00+00:00[+00:00]"],
        ),
    ];
    forms.extend(date_times());
    forms.extend(durations());
    forms.extend(numbers::integers());
    forms.extend(decimals());
    forms.extend(addresses());
    forms.extend([
        StringForm::pattern(
            patterns::VERSION,
            ["1.2.3", "0.0.0", "999999999999999999.0.1-alpha.1.0-x+build.001"],
            ["1.2", "01.2.3", "1.2.3-01", "1.2.3+"],
        ),
        StringForm::new(
            json!({ "format": "email" }),
            ["a@example.org", "first.last+tag@sub.example.org"],
            ["a@", "@example.org", "example.org", "a b@example.org"],
        ),
        StringForm::new(
            json!({ "format": "uri" }),
            ["https://example.org/a?b#c", "urn:a:b"],
            ["/a?b#c", "a b:c", "example"],
        ),
        StringForm::pattern(patterns::HEX, ["", "00", "0aFf"], ["0", "0g"]),
        StringForm::pattern(patterns::BASE64, ["", "AAAA", "+/8=", "AA=="], ["A", "A===", "-_8="]),
        StringForm::pattern(patterns::BASE64_URL, ["", "AAAA", "-_8", "AA"], ["A", "+/8"]),
        StringForm::new(
            json!({ "enum": ["false", "true"] }),
            ["false", "true"],
            ["", "a", "0", "TRUE"],
        ),
        StringForm::new(json!({ "minLength": 1, "maxLength": 1 }), ["a", "é", "\0"], ["", "ab"]),
        StringForm::pattern(r"^[^\x00]*$", ["", "a", "é", "two words\n"], ["\0", "a\0b"]),
    ]);
    forms
}

fn date_times() -> Vec<StringForm> {
    let inside = ["2024-02-29T12:00:00Z", "1985-04-12T23:20:50.123456789-01:30"];
    let outside = ["2023-02-29T12:00:00Z", "2024-02-29T12:00:00"];
    let more_digits = "2024-02-29T12:00:00.12345678912Z";
    vec![
        StringForm::new(
            json!({ "format": "date-time" }),
            inside.into_iter().chain([more_digits]),
            outside,
        ),
        StringForm::new(
            json!({ "format": "date-time", "pattern": patterns::AT_MOST_NANOSECONDS }),
            inside,
            outside.into_iter().chain([more_digits]),
        ),
    ]
}

fn durations() -> Vec<StringForm> {
    vec![
        StringForm::pattern(
            &patterns::duration(true),
            [
                "P1D",
                "PT36H",
                "-P1Y2M",
                "P2W",
                "PT0.123456789S",
                "P9999Y99999M999999W999999DT99999999H9999999999M99999999999S",
            ],
            ["P", "PT", "P1", "1D", "P1H"],
        ),
        StringForm::pattern(
            &patterns::duration(false),
            [
                "PT36H",
                "-PT1M",
                "PT0.123456789S",
                "PT999999999999999H9999999999999M999999999999999S",
            ],
            ["P1D", "PT", "P", "PT1D"],
        ),
        StringForm::new(
            json!({ "format": "duration" }),
            ["P1D", "PT36H", "P1Y2M", "P2W"],
            ["P", "PT", "P1", "-P1D"],
        ),
        StringForm::pattern(
            patterns::WHOLE_TIME_DURATION,
            ["PT36H", "PT1M", "PT1H1M1S"],
            ["P1D", "PT", "-PT1S"],
        ),
    ]
}

fn decimals() -> Vec<StringForm> {
    let digits = "9".repeat(60);
    // More nines behind the point would be rounded up, to one more digit before it.
    let longest = format!("-{}.{}", "9".repeat(28), "1".repeat(28));
    let not_numbers = NOT_NUMBERS.iter().copied();
    vec![
        scientific(),
        StringForm::pattern(
            patterns::DECIMAL,
            ["0", "-1.5", digits.as_str(), longest.as_str()],
            not_numbers.clone(),
        ),
        // The decimal numbers of 96 bits. 28 digits always fit, 29 do not.
        StringForm::pattern(
            patterns::DECIMAL_28,
            ["0", "-1.5", longest.as_str()],
            not_numbers.chain([digits.as_str()]),
        ),
    ]
}

const NOT_NUMBERS: &[&str] = &["", "-", "1.5x", "1,5", "0x1"];

/// A decimal number of any size that may have an exponent.
pub(super) fn scientific() -> StringForm {
    let digits = "9".repeat(60);
    StringForm::pattern(
        patterns::SCIENTIFIC,
        ["0", "-1.5", "1e3", "1.5E-3", "1e+9999", digits.as_str()],
        NOT_NUMBERS.iter().copied(),
    )
}

fn addresses() -> Vec<StringForm> {
    let four = ["127.0.0.1:80", "255.255.255.255:65535", "0.0.0.0:0"];
    let six = ["[::1]:80", "[1:2:3:4:5:6:7:8%4294967295]:65535", "[::ffff:1.2.3.4]:0"];
    let neither = [
        "127.0.0.1:65536",
        "256.0.0.1:1",
        "[::1]:65536",
        "::1",
        "localhost:80",
        "127.0.0.1",
    ];
    let ip = json!({ "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] });
    vec![
        StringForm::new(ip, ["127.0.0.1", "::1"], ["127.0.0.256", "1", "::g"]),
        StringForm::new(json!({ "format": "ipv4" }), ["127.0.0.1"], ["127.0.0.256", "1", "::1"]),
        StringForm::new(
            json!({ "format": "ipv6" }),
            ["::1", "::ffff:127.0.0.1"],
            ["127.0.0.1", "1", "::g"],
        ),
        StringForm::pattern(
            &patterns::socket_address(true, true),
            four.into_iter().chain(six),
            neither,
        ),
        StringForm::pattern(
            &patterns::socket_address(true, false),
            four,
            neither.into_iter().chain(six),
        ),
        StringForm::pattern(
            &patterns::socket_address(false, true),
            six,
            neither.into_iter().chain(four),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::compile::compile;

    #[test]
    fn every_text_is_on_the_side_of_its_form_where_it_is_listed() {
        for family in [Family::Open, Family::DateTime, Family::Duration, Family::Decimal] {
            for form in family.forms() {
                let (validator, _) = compile(&Value::Object(form.keywords.clone())).unwrap();
                for text in &form.inside {
                    assert!(validator.is_valid(&json!(text)), "{text:?} by {:?}", form.keywords);
                }
                for text in &form.outside {
                    assert!(!validator.is_valid(&json!(text)), "{text:?} by {:?}", form.keywords);
                }
            }
        }
        for format in ["partial-date-time", "partial-time", "zoned-date-time"] {
            let (validator, _) = compile(&json!({ "pattern": pattern_of_format(format).unwrap() })).unwrap();
            assert!(
                examples_of_format(format)
                    .iter()
                    .all(|text| validator.is_valid(&json!(text)))
            );
        }
    }

    #[test]
    fn the_validator_asserts_every_format_that_counts_as_known() {
        for format in KNOWN_FORMATS {
            let (validator, _) = compile(&json!({ "format": format })).unwrap();
            let texts = ["", "(", "a b", "{"];
            assert!(texts.iter().any(|text| !validator.is_valid(&json!(text))), "{format}");
        }
    }

    #[test]
    fn only_texts_that_are_not_described_have_forms_to_try() {
        for (schema, family) in [
            (json!({}), Some(Family::Open)),
            (json!({ "minLength": 1 }), Some(Family::Open)),
            (json!({ "format": "ulid" }), Some(Family::Open)),
            (json!({ "format": "duration" }), Some(Family::Duration)),
            (json!({ "pattern": DECIMAL_READ }), Some(Family::Decimal)),
            (json!({ "pattern": "^a$" }), None),
            (json!({ "format": "uuid" }), None),
            (json!({ "enum": ["a"] }), None),
        ] {
            assert_eq!(Family::of(schema.as_object().unwrap()), family, "{schema}");
        }
    }
}
