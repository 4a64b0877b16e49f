//! Patterns mean what they mean to a JavaScript validator with the flag `u`: a fixed table. `javascript.rs` compares
//! random patterns with Node.

use serde_json::{Value, json};

use crate::chain::Chain;
use crate::schema::validator::EventSchema;

#[track_caller]
fn compiled(schema: Value) -> EventSchema {
    EventSchema::compile(schema.clone()).unwrap_or_else(|error| panic!("{schema}: {}", Chain(&error)))
}

#[track_caller]
fn matches(pattern: &str, text: &str) -> bool {
    let found = compiled(json!({ "pattern": pattern })).check(&json!(text)).is_ok();
    // A name of a property is matched in the same way, in each of the keywords that read names.
    let name = json!({ text: 1 });
    for (keyword, schema) in [
        (
            "patternProperties",
            json!({ "patternProperties": { pattern: true }, "additionalProperties": false }),
        ),
        (
            "unevaluatedProperties",
            json!({ "allOf": [{ "patternProperties": { pattern: true } }], "unevaluatedProperties": false }),
        ),
        ("propertyNames", json!({ "propertyNames": { "pattern": pattern } })),
    ] {
        assert_eq!(
            compiled(schema).check(&name).is_ok(),
            found,
            "{keyword}: {pattern} on {text:?}"
        );
    }
    found
}

#[track_caller]
fn refusal(pattern: &str) -> String {
    match EventSchema::compile(json!({ "properties": { "code": { "pattern": pattern } } })) {
        Ok(_) => panic!("{pattern} is accepted"),
        Err(error) => Chain(&error).to_string(),
    }
}

#[test]
fn a_word_boundary_knows_only_ascii_words() {
    for (pattern, text, expected) in [
        (r"\bcaf\b", "café", true),
        (r"caf\B", "café", false),
        (r"^\b", "é", false),
        (r"^\B.\B$", "é", true),
        (r"\B", "aéb", false),
        (r"a\b\u00e9\bb", "aéb", true),
        (r"\bx", "éx", true),
        (r"\b_\b", "_", true),
        (r"\b", "", false),
        (r"\B", "", true),
        (r"\B", "a😀b", false),
        (r"😀\B", "😀", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} on {text:?}");
    }
}

#[test]
fn a_pattern_matches_what_it_matches_in_javascript() {
    for (pattern, matching, others) in [
        (r"^\0$", &["\0"][..], &["0", ""][..]),
        (r"^[^]$", &["a", "\n", "😀"], &[""]),
        (r"[]", &[], &["", "a"]),
        (r"^[]?$", &[""], &["a"]),
        (r"^\uD83D\uDE00$", &["😀"], &["a"]),
        (r"^[\uD83D\uDE00-\uD83D\uDE0F]$", &["😀", "😏"], &["😐"]),
        (r"^\u{1F600}$", &["😀"], &["u"]),
        (r"\uD83D", &[], &["😀"]),
        (r"^[^\uD83D]$", &["😀", "a"], &[""]),
        (r"^[\uD000-\uE000]$", &["\u{d000}", "\u{e000}"], &["\u{e001}"]),
        (
            r"^.$",
            &["😀", "\u{85}", "a"],
            &["\n", "\r", "\u{2028}", "\u{2029}", "aa"],
        ),
        (r"^\cJ\cj$", &["\n\n"], &["cJcj"]),
        (r"^[\b]$", &["\u{8}"], &["b"]),
        (r"^\x41\u0042$", &["AB"], &["ab"]),
        (r"^\d$", &["5"], &["٣"]),
        (r"^\w$", &["a", "_"], &["é", "ſ"]),
        (
            r"^\s$",
            &["\u{feff}", "\u{a0}", "\u{2028}"],
            &["\u{85}", "\u{180e}", "\u{200b}"],
        ),
        (r"^[\S]$", &["\u{85}"], &["\u{feff}"]),
        (r"^[\D\s]$", &["a"], &["1"]),
        (r"^[^\W\d]$", &["a", "_"], &["1", "é"]),
        (r"^\p{L}$", &["é"], &["1"]),
        (r"^\p{Script=Greek}$", &["α"], &["a"]),
        (r"^[\p{Lu}\P{L}]$", &["A", "1"], &["a"]),
        (r"^\p{Cs}$", &[], &["a"]),
        (r"^\p{Script=Unknown}$", &["\u{e000}"], &["a", "é"]),
        (r"^\P{Script=Unknown}$", &["a", "é", "\0", " ", "😀"], &["\u{e000}"]),
        (r"^\p{Any}$", &["a", "😀"], &[]),
        (r"^\p{Emoji_Presentation}$", &["😀"], &["a"]),
        (r"^(?<größe>a)$", &["a"], &["b"]),
        (r"^(?<\u{61}b>a)$", &["a"], &["b"]),
        (r"^[a&&b]$", &["a", "&"], &["&&"]),
        (r"^[a~~b]$", &["~"], &[]),
        (r"^[[]$", &["["], &["]"]),
        (r"^[[a]$", &["[", "a"], &["[a"]),
        (r"^[+--]$", &["+", ",", "-"], &["."]),
        (r"^[\d-]$", &["1", "-"], &["d"]),
        (r"^[a-]$", &["a", "-"], &["b"]),
        (r"^[a-c-e]$", &["b", "-", "e"], &["d"]),
        (r"^\/$", &["/"], &[]),
        (r"^[\-]$", &["-"], &["\\"]),
        (r"^a{2}?$", &["aa"], &["a"]),
        (r"^(a|)$", &["", "a"], &["b"]),
        (r"^a{0}$", &[""], &["a"]),
        (r"^a{0,99999999999}$", &["", "aaa"], &["b"]),
        (r"a{99999999999}", &[], &["aaa"]),
        (r"^#a b$", &["#a b"], &["#ab"]),
        (r"^$", &[""], &["\n"]),
    ] {
        for text in matching {
            assert!(matches(pattern, text), "{pattern} on {text:?}");
        }
        for text in others {
            assert!(!matches(pattern, text), "{pattern} on {text:?}");
        }
    }
}

#[test]
fn a_pattern_that_javascript_rejects_is_refused_with_its_place_its_part_and_a_remedy() {
    for (pattern, part, remedy) in [
        ("(?i)abc", "(?i)", "[Aa]"),
        ("a(?i:b)", "(?i:", "[Aa]"),
        ("(?s).", "(?s)", "[^]"),
        ("(?x) a", "(?x)", "flags"),
        ("(?-u)a", "(?-u)", "flags"),
        (r"\Aabc", r"\A", "`^`"),
        (r"abc\z", r"\z", "`$`"),
        (r"abc\Z", r"\Z", "`$`"),
        (r"\pL", r"\pL", r"`\p{L}`"),
        (r"\p{Greek}", r"\p{Greek}", r"`\p{Script=Greek}`"),
        (r"\p{l}", r"\p{l}", r"`\p{L}`"),
        (r"\p{^L}", r"\p{^L}", r"`\P{L}`"),
        (r"\p{alpha}", r"\p{alpha}", r"`\p{Alpha}`"),
        (r"\p{Letter", r"\p{Letter", "`}`"),
        ("a++", "+", "remove"),
        ("a**", "*", "remove"),
        ("a{2}{3}", "{3}", "remove"),
        ("*a", "*", r"`\*`"),
        ("(|+)", "+", r"`\+`"),
        ("^*", "*", "remove"),
        (r"\b+", "+", "remove"),
        (r"\a", r"\a", r"`\x07`"),
        (r"\e", r"\e", r"`\x1b`"),
        ("a{", "{", r"`\{`"),
        ("a}", "}", r"`\}`"),
        ("a]", "]", r"`\]`"),
        ("a{,3}", "{,3}", "`{0,3}`"),
        ("a{1, 2}", "{", r"`\{`"),
        ("a{3,2}", "{3,2}", "`{2,3}`"),
        ("[b-a]", "b-a", "`a-b`"),
        (r"[\d-x]", r"\d-x", r"`\-`"),
        (r"[a-\w]", r"a-\w", r"`\-`"),
        ("[a", "[a", "`]`"),
        ("[a--b]", "a--", "`--a`"),
        ("[[:alpha:]]", "]", r"`\]`"),
        ("(a", "(", "`)`"),
        ("a)", ")", r"`\)`"),
        (r"\_", r"\_", "`_`"),
        (r"\-", r"\-", "`-`"),
        (r"\@", r"\@", "`@`"),
        (r"\é", r"\é", "`é`"),
        (r"[\B]", r"\B", "JavaScript"),
        (r"\y", r"\y", "JavaScript"),
        (r"\01", r"\01", r"`\x01`"),
        (r"\c1", r"\c", "letter"),
        (r"\x4", r"\x4", "two hexadecimal digits"),
        (r"\x{41}", r"\x", r"`\u{41}`"),
        (r"\u12", r"\u12", "four hexadecimal digits"),
        (r"\u{110000}", r"\u{110000}", "10FFFF"),
        (r"\U0001F600", r"\U", r"`\u{1F600}`"),
        (r"\h", r"\h", "JavaScript"),
        ("\\", "\\", r"`\\`"),
        ("(?P<year>a)", "(?P<", "`(?<`"),
        ("(?<1a>a)", "(?<1a>", "name"),
        ("(?<>a)", "(?<>", "name"),
        ("(?<a>a)(?<a>b)", "(?<a>", "another name"),
        ("(?>a)", "(?>", "`(?:`"),
        ("(?#note)a", "(?#", "remove"),
        ("(?", "(?", "`(?:`"),
        (r"\k", r"\k", "JavaScript"),
        (r"(a)\2", r"\2", "group"),
        (r"(?<a>a)\k<b>", r"\k<b>", "group"),
    ] {
        let refusal = refusal(pattern);
        assert!(refusal.contains("`#/properties/code/pattern`"), "{pattern}: {refusal}");
        assert!(refusal.contains(&format!("`{part}`")), "{pattern}: {refusal}");
        assert!(refusal.contains(remedy), "{pattern}: {refusal}");
    }
}

#[test]
fn a_pattern_that_needs_backtracking_is_refused_as_such() {
    for (pattern, part) in [
        ("^(?=a)", "(?="),
        ("(?!a)", "(?!"),
        ("(?<=a)b", "(?<="),
        ("(?<!a)b", "(?<!"),
        (r"(a)\1", r"\1"),
        (r"\1(a)", r"\1"),
        (r"(?<x>a)\k<x>", r"\k<x>"),
    ] {
        let refusal = refusal(pattern);
        assert!(refusal.contains(&format!("`{part}`")), "{pattern}: {refusal}");
        assert!(refusal.contains("linear time"), "{pattern}: {refusal}");
    }
}

#[test]
fn a_pattern_of_property_names_is_refused_with_its_place() {
    for (schema, place) in [
        (
            json!({ "patternProperties": { r"\A/": true } }),
            r"`#/patternProperties/\A~1`",
        ),
        (
            json!({ "properties": { "map": { "propertyNames": { "pattern": r"\A" } } } }),
            "`#/properties/map/propertyNames/pattern`",
        ),
        (
            json!({ "$schema": "http://json-schema.org/draft-07/schema#", "items": [{ "pattern": r"\pL" }] }),
            "`#/items/0/pattern`",
        ),
        (
            json!({ "$ref": "#/other/part", "other": { "part": { "pattern": r"\A" } } }),
            "`#/other/part/pattern`",
        ),
        (
            json!({ "$ref": "#part", "$defs": { "Part": { "$anchor": "part", "pattern": r"\A" } } }),
            "`#/$defs/Part/pattern`",
        ),
    ] {
        let error = EventSchema::compile(schema.clone())
            .err()
            .map(|error| Chain(&error).to_string());
        assert!(
            error.as_ref().is_some_and(|error| error.contains(place)),
            "{schema}: {error:?}"
        );
    }
}

#[test]
fn text_that_looks_like_a_pattern_but_is_none_is_left_alone() {
    let schema = json!({
        "properties": { "pattern": { "const": r"\A" }, "patternProperties": { "enum": [{ "pattern": r"\A" }] } },
        "default": { "pattern": r"\A" },
        "examples": [{ "patternProperties": { r"\A": r"\z" } }],
        "note": { "pattern": r"\A" },
    });
    let schema = compiled(schema);
    let data = json!({ "pattern": r"\A", "patternProperties": { "pattern": r"\A" } });
    assert!(schema.check(&data).is_ok());
}

#[test]
fn violations_and_published_schemas_show_patterns_as_written() {
    let part = json!({
        "title": "Part",
        "patternProperties": {
            r"^\d\b": { "oneOf": [{ "const": "x" }, { "type": "object", "required": ["a"], "properties": { "a": { "pattern": r"^\w\0\b" } } }] },
            r"^[0-9]\b": { "type": "object" },
        },
    });
    let published = json!({ "$ref": "#/$defs/Part", "$defs": { "Part": part } });
    let schema = compiled(published.clone());
    assert_eq!(schema.published(), &published);
    let violations = schema.check(&json!({ "1": { "a": "no" } })).unwrap_err();
    let [violation] = &violations[..] else {
        panic!("{violations:?}");
    };
    assert_eq!((violation.path.as_str(), violation.rule.as_str()), ("/1/a", "pattern"));
    assert_eq!(violation.message, r#"value does not match "^\w\0\b""#);
    let violations = schema.check(&json!({ "1": 3 })).unwrap_err();
    assert_eq!(violations.len(), 2, "{violations:?}");
    let names = compiled(json!({ "propertyNames": { "pattern": r"^\d\b" } }));
    let violations = names.check(&json!({ "a": 1 })).unwrap_err();
    assert_eq!(violations[0].message, r#""a" does not match "^\d\b""#);
    // In a recursive schema, the parts have validators of their own.
    let recursive = json!({
        "type": "object",
        "patternProperties": { r"^\d\b": { "anyOf": [{ "$ref": "#" }, { "type": "array", "items": { "$ref": "#" } }] } },
        "properties": { "text": { "pattern": r"^\w\b" } },
        "additionalProperties": false,
    });
    let schema = compiled(recursive);
    let mut data = json!({ "text": "é" });
    for _ in 0..30 {
        data = json!({ "1": data });
    }
    assert!(schema.check(&data).unwrap_err()[0].message.contains(r"^\w\b"));
}

#[test]
fn the_format_regex_means_a_valid_javascript_pattern() {
    let schema = compiled(json!({ "format": "regex" }));
    for (pattern, valid) in [
        (r"^(?!a)\1(b)$", true),
        (r"[^]", true),
        ("(?i)a", false),
        (r"\_", false),
        (r"\p{Nothing}", false),
        (r"\p{Script=Greek}", true),
    ] {
        assert_eq!(schema.check(&json!(pattern)).is_ok(), valid, "{pattern}");
    }
}

#[test]
fn nesting_and_length_exhaust_no_stack() {
    for pattern in [
        "(".repeat(100_000) + &")".repeat(100_000),
        "(?:".repeat(5_000) + "a" + &")".repeat(5_000),
        "[".repeat(100_000),
        "(?<a>".repeat(100_000),
        "a|".repeat(20_000),
        "\\".repeat(100_000),
    ] {
        let _ = EventSchema::compile(json!({ "pattern": pattern }));
    }
}
