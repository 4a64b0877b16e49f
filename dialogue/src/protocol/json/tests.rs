//! Tests the strictness of `parse`, and the output of `write` and `excerpt`.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::number::number;
use super::value::parse;
use super::*;
use crate::protocol::arbitrary;

fn arrays(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

fn objects(depth: usize) -> String {
    format!("{}0{}", r#"{"a":"#.repeat(depth), "}".repeat(depth))
}

fn error(text: &str) -> String {
    parse(text, 32).unwrap_err().to_string()
}

#[test]
fn allows_as_many_levels_as_the_limit_and_no_more() {
    for nested in [arrays, objects] {
        assert!(parse(&nested(32), 32).is_ok());
        assert!(error(&nested(33)).starts_with("nested too deep"));
    }
    assert_eq!(parse("7", 0).unwrap(), json!(7));
    assert!(parse("[]", 0).is_err());
}

#[test]
fn a_limit_beyond_the_highest_counts_as_the_highest() {
    assert!(parse(&arrays(MAX_DEPTH), usize::MAX).is_ok());
    assert!(parse(&arrays(MAX_DEPTH + 1), usize::MAX).is_err());
}

#[test]
fn extreme_depth_needs_no_stack() {
    let small_stack = std::thread::Builder::new().stack_size(512 * 1024);
    let parsed = small_stack.spawn(|| {
        for nested in [arrays, objects] {
            assert!(parse(&nested(100_000), 32).is_err());
            assert!(parse(&nested(100_000), usize::MAX).is_err());
        }
    });
    parsed.unwrap().join().unwrap();
}

#[test]
fn rejects_duplicate_keys_at_any_level_even_with_escapes() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"a":3}"#,
        r#"[{"x":{"a":1,"\u0061":2}}]"#,
        r#"{"":1,"":2}"#,
    ] {
        assert!(error(text).starts_with("duplicate key"), "{text}");
    }
    assert!(parse(r#"{"a":{"a":1},"b":{"a":1},"A":[{"a":1},{"a":1}]}"#, 32).is_ok());
}

#[test]
fn repeats_little_of_a_long_key() {
    let key = "k".repeat(10_000);
    assert!(error(&format!(r#"{{"{key}":1,"{key}":1}}"#)).len() < 200);
}

#[test]
fn rejects_anything_that_is_not_one_json_document() {
    for text in [
        "",
        " ",
        "{}{}",
        "{} x",
        "nul",
        "{",
        r#"{"a"}"#,
        "[1,]",
        "{'a':1}",
        "NaN",
        "Infinity",
        "+1",
        "01",
        ".5",
        "1.",
        "0x1",
        "1e400",
        "-1e400",
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        "\"\u{1}\"",
        "\u{feff}{}",
        "/**/{}",
    ] {
        assert!(parse(text, 32).is_err(), "{text:?}");
    }
}

#[test]
fn keeps_every_scalar_unchanged() {
    for (text, value) in [
        ("null", Value::Null),
        ("true", json!(true)),
        ("18446744073709551615", json!(u64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("3.0", json!(3.0)),
        ("1e308", json!(1e308)),
        (r#""\ud83d\ude00""#, json!("😀")),
        ("\"plain\"", json!("plain")),
    ] {
        assert_eq!(parse(text, 0).unwrap(), value, "{text}");
    }
    assert!(
        parse("3.0", 0).unwrap().as_i64().is_none(),
        "a fraction remains a fraction"
    );
}

#[test]
fn keys_that_are_special_to_serde_json_are_ordinary_keys() {
    let text = r#"{"$serde_json::private::RawValue":"[","$serde_json::private::Number":"x"}"#;
    let value = parse(text, 1).unwrap();
    assert_eq!(value["$serde_json::private::RawValue"], json!("["));
    let mut out = Vec::new();
    write(&mut out, &value);
    assert_eq!(parse(std::str::from_utf8(&out).unwrap(), 1).unwrap(), value);
}

#[test]
fn a_value_that_cannot_be_written_becomes_null() {
    let mut out = b"[".to_vec();
    let unwritable = std::collections::BTreeMap::from([(vec![1], 1)]);
    write(&mut out, &(1, unwritable));
    assert_eq!(out, b"[null");
}

#[test]
fn an_excerpt_is_short_and_has_no_control_characters() {
    assert_eq!(excerpt("chat"), "chat");
    assert_eq!(excerpt("a\r\nb\u{202e}"), "a\\r\\nb\\u{202e}");
    assert_eq!(excerpt(&"x".repeat(32)), "x".repeat(32));
    assert_eq!(excerpt(&"é".repeat(33)), "é".repeat(32) + "…");
}

/// How many levels of nesting a value has.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(array) => 1 + array.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), limit in 0..40_usize) {
        let _ = parse(&String::from_utf8_lossy(&bytes), limit);
    }

    #[test]
    fn never_panics_on_what_looks_like_json(text in r#"[\[\]{}:,"\\0-9eE+.a-f \-]{0,60}"#, limit in 0..40_usize) {
        let _ = parse(&text, limit);
    }

    #[test]
    fn reads_back_a_written_value_if_and_only_if_it_is_shallow_enough(value in arbitrary::value(), limit in 0..6_usize) {
        let mut out = Vec::new();
        write(&mut out, &value);
        let read = parse(std::str::from_utf8(&out).unwrap(), limit);
        if depth(&value) <= limit {
            prop_assert_eq!(read.unwrap(), value);
        } else {
            prop_assert!(read.is_err());
        }
    }
}

#[test]
fn a_text_means_the_number_that_serde_json_parses() {
    for text in [
        "0",
        "-0",
        "1",
        "-1",
        "1.5",
        "1.50",
        "1e3",
        "1E-2",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "3.0",
        "0.1",
    ] {
        let number = number(text).map(|number| number.to_string());
        assert_eq!(number, parse(text, 1).ok().map(|value| value.to_string()), "{text}");
    }
    assert_eq!(number("1e400"), None);
}

/// `.ci/run` runs this with the features of serde_json that another crate may enable.
#[test]
fn numbers_are_numbers_whatever_features_serde_json_has() {
    for text in ["1", "-1", "1.5", r#"[1.5,{"a":-2.25}]"#, "-0.0"] {
        assert_eq!(parse(text, 9).unwrap().to_string(), text);
    }
    assert_eq!(parse("1.50", 0).unwrap(), json!(1.5));
    assert!(parse("1e400", 0).is_err());
    assert!(parse("[1]", 0).is_err() && parse("[1]", 1).is_ok());
}

#[test]
fn an_object_of_a_client_with_the_private_key_stays_an_object() {
    const KEY: &str = "$serde_json::private::Number";
    for (text, depth, fields) in [
        (format!(r#"{{"{KEY}":"1.5"}}"#), 1, 1),
        (format!(r#"{{"{KEY}":[],"a":1}}"#), 2, 2),
        (format!(r#"{{"a":1,"{KEY}":"2"}}"#), 1, 2),
    ] {
        let parsed = parse(&text, depth).unwrap();
        assert_eq!(parsed.as_object().map(serde_json::Map::len), Some(fields), "{text}");
        assert!(parse(&text, depth - 1).is_err(), "{text}");
    }
    assert!(parse(&format!(r#"{{"{KEY}":1,"{KEY}":2}}"#), 1).is_err());
}
