//! Random patterns mean what they mean in Node. Each test asks Node once, about all patterns.

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::chain::Chain;
use crate::schema::validator::EventSchema;

/// How many patterns one run compares.
const PATTERNS: usize = 6_000;

/// Prints for each pattern `null`, if it is not valid, or whether it matches each of its texts.
const MATCH: &str = r#"
    const cases = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    const verdicts = cases.map(([pattern, texts]) => {
        let expression;
        try {
            expression = new RegExp(pattern, "u");
        } catch {
            return null;
        }
        return texts.map((text) => expression.test(text));
    });
    console.log(JSON.stringify(verdicts));
"#;

/// Runs a program in Node, with `input` on its standard input.
fn node(program: &str, input: &Value) -> Value {
    let mut node = Command::new("node")
        .args(["--eval", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node starts");
    let mut stdin = node.stdin.take().expect("an open pipe");
    let text = input.to_string();
    std::thread::spawn(move || stdin.write_all(text.as_bytes()).expect("Node reads"));
    let output = node.wait_with_output().expect("Node ends");
    assert!(output.status.success(), "Node failed");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Parts of patterns. Some are valid alone, some only together, and some never.
const PARTS: &str = r##"
    a b A 0 1 _ - , : = ! < > # && ~~ -- é ſ 😀 / . ^ $ | ( ) (?: (?<n> (?<m> (?= (?! (?<= (?<! (?i) (?i: (?s)
    (?P<n> (?> (?# (? [ ] [^ [] [^] { } {2} {1,2} {0} {2,} {,2} {2,1} * + ? *? +? ?? ++ \b \B \d \D \s \S \w \W
    \0 \00 \1 \2 \k<n> \k \n \r \t \v \f \cJ \cj \c \c1 \x41 \x4 \x{41} \u0041 \u{61} \u{0000000061} \u{1F600}
    \u{110000} \u{} \u \uD83D \uDE00 \uD83D\uDE00 \A \z \Z \a \e \h \- \_ \# \& \/ \\ \ \. \* \[ \] \( \{ \} \|
    \^ \$ \pL \p{L} \P{L} \p{Lu} \p{Ll} \p{Letter} \p{letter} \p{Script=Greek} \p{sc=Grek} \p{Greek}
    \p{scx=Grek} \p{Alpha} \p{ASCII} \p{Any} \P{Any} \p{Cs} \P{Cs} \p{C} \p{Emoji} \p{^L} \p{} \p a-z z-a \d-
    -\d \uD800-\uDFFF \uD000-\uE000 [\b] [\-] [\B] [\1] [a-\d] [\d-a] [a-z] [^a-z] [^\W] [\W\d] [^\S\w] [a-c-e]
    [+--] [&&] [a&&b] [[a] [[:alpha:]]
"##;

/// Parts that contain a space.
const SPACED: [&str; 3] = [r" ", r"{1, 2}", r"\ "];

fn parts() -> Vec<&'static str> {
    PARTS.split_ascii_whitespace().chain(SPACED).collect()
}

/// Characters of texts: each class has some of them, and some are in a class of another engine only.
const CHARS: &str = "abcAZ01٣_-éßſ\u{212a}α😀😁\n\r\u{2028}\u{85}\u{a0}\u{feff}\u{180e}\0\u{7}\u{8} &~[]{}\\/#^$.+\
                     \u{d7ff}\u{e000}\u{10ffff}\u{301}\u{200d}";

/// A pattern that is mostly valid.
fn valid() -> impl Strategy<Value = String> {
    let simple = prop::sample::select(parts()).prop_filter("a whole atom", |part| {
        crate::schema::pattern::is_valid(part) && !part.contains('|')
    });
    let atom = simple.prop_map(str::to_owned);
    atom.prop_recursive(4, 24, 4, |inner| {
        let quantifier = prop::sample::select(vec!["", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "{0}"]);
        let group = prop::sample::select(vec!["(?:", "("]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
            (group, inner.clone(), quantifier).prop_map(|(open, inner, many)| format!("{open}{inner}){many}")),
            inner.clone().prop_map(|inner| format!("^{inner}$")),
            inner.clone().prop_map(|inner| format!(r"({inner})\1")),
            inner.prop_map(|inner| format!("(?={inner})")),
        ]
    })
}

/// Any parts one after the other.
fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(parts()), 0..5).prop_map(|parts| parts.concat())
}

/// A class of any parts.
fn class() -> impl Strategy<Value = String> {
    (any::<bool>(), soup()).prop_map(|(negated, inner)| format!("[{}{inner}]", if negated { "^" } else { "" }))
}

/// Any characters that mean something in patterns.
fn noise() -> impl Strategy<Value = String> {
    r"[\\()\[\]{}?*+|^$,:<>=!a01_pPuxckbBdé😀-]{0,8}"
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(CHARS.chars().collect::<Vec<_>>()), 0..5)
        .prop_map(|chars| chars.into_iter().collect())
}

fn samples<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::default();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).expect("a value").current())
        .collect()
}

/// What Dialogue says about a pattern: whether it matches each text, or the error.
fn verdicts(pattern: &str, texts: &[String]) -> Result<Vec<bool>, String> {
    let schema = EventSchema::compile(json!({ "pattern": pattern })).map_err(|error| Chain(&error).to_string())?;
    let names = EventSchema::compile(json!({ "patternProperties": { pattern: false } }))
        .map_err(|error| Chain(&error).to_string())?;
    Ok(texts
        .iter()
        .map(|text| {
            let matches = schema.check(&json!(text)).is_ok();
            assert_eq!(
                matches,
                names.check(&json!({ text: 1 })).is_err(),
                "{pattern} on {text:?}"
            );
            matches
        })
        .collect())
}

#[test]
#[ignore = "needs Node"]
fn random_patterns_mean_what_they_mean_in_node() {
    let strategy = prop_oneof![4 => valid(), 3 => soup(), 2 => class(), 1 => noise()];
    let cases = samples((strategy, prop::collection::vec(text(), 8)), PATTERNS);
    let expected = node(MATCH, &json!(cases));
    let expected: Vec<Option<Vec<bool>>> = serde_json::from_value(expected).expect("verdicts");
    let (mut matched, mut invalid, mut backtracking) = (0, 0, 0);
    let mut wrong = Vec::new();
    for ((pattern, texts), expected) in cases.iter().zip(expected) {
        match (verdicts(pattern, texts), expected) {
            (Ok(found), Some(expected)) if found == expected => matched += usize::from(found.contains(&true)),
            (Err(_), None) => invalid += 1,
            (Err(error), Some(_)) if error.contains("linear time") => {
                assert!(
                    ["(?=", "(?!", "(?<", r"\"].iter().any(|part| pattern.contains(part)),
                    "{pattern}: {error}"
                );
                backtracking += 1;
            }
            (found, expected) => wrong.push(format!("{pattern:?} on {texts:?}: {found:?}, but in Node {expected:?}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} patterns differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    // The generators find enough of each kind.
    assert!(
        matched > PATTERNS / 8 && invalid > PATTERNS / 8 && backtracking > 20,
        "{matched} {invalid} {backtracking}"
    );
}

/// Prints for each property whether each of some characters has it; `null` for an unknown property.
const PROPERTIES: &str = r#"
    const [properties, chars] = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    const verdicts = properties.map((property) => {
        let expression;
        try {
            expression = new RegExp(`^\\p{${property}}$`, "u");
        } catch {
            return null;
        }
        return chars.map((char) => (expression.test(char) ? "1" : "0")).join("");
    });
    console.log(JSON.stringify(verdicts));
"#;

#[test]
#[ignore = "needs Node"]
fn unicode_properties_have_the_characters_that_they_have_in_node() {
    // Characters of an older version of Unicode, so that each engine knows them.
    let old = EventSchema::compile(json!({ "pattern": r"\p{Assigned}" })).expect("a schema");
    let chars: Vec<char> = ('\0'..'\u{3000}')
        .step_by(17)
        .chain(('\u{3000}'..'\u{20000}').step_by(101))
        .filter(|char| old.check(&json!(char)).is_ok())
        .collect();
    let properties = crate::schema::pattern::property_names();
    let found = node(PROPERTIES, &json!([properties, chars]));
    let found: Vec<Option<String>> = serde_json::from_value(found).expect("verdicts");
    let mut wrong = Vec::new();
    for (property, expected) in properties.iter().zip(found) {
        let expected = expected.unwrap_or_else(|| panic!("Node does not know {property}"));
        let schema = match EventSchema::compile(json!({ "pattern": format!(r"^\p{{{property}}}$") })) {
            Ok(schema) => schema,
            Err(error) if property == "CWKCF" || property == "Changes_When_NFKC_Casefolded" => {
                assert!(Chain(&error).to_string().contains("server"), "{}", Chain(&error));
                continue;
            }
            Err(error) => {
                wrong.push(format!("{property}: {}", Chain(&error)));
                continue;
            }
        };
        let differences = chars
            .iter()
            .zip(expected.chars())
            .filter(|(char, has)| schema.check(&json!(char)).is_ok() != (*has == '1'))
            .count();
        // A newer version of Unicode changes a few.
        if differences * 50 > chars.len() {
            wrong.push(format!("{property}: {differences} of {}", chars.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
