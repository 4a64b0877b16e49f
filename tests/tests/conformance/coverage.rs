//! The suite covers the protocol page: each frame, each close code and each error code occurs in a script, and each
//! script names the section that it pins.

use std::collections::BTreeSet;

use dialogue_tests::repository;
use serde_json::{Value, json};

use super::matching::{Bound, spread};
use super::script::{self, Opens, Script, Step};

fn protocol() -> String {
    repository::text("docs/protocol.md")
}

fn scripts() -> Vec<Script> {
    super::TOPICS.iter().flat_map(|file| script::scripts_of(file)).collect()
}

/// The types of the frames in the examples of the protocol page that start with an arrow.
fn documented_types(arrow: &str) -> BTreeSet<String> {
    let text = protocol();
    let examples = text
        .lines()
        .filter_map(|line| line.strip_prefix(arrow)?.strip_prefix(" {\"type\":\""));
    examples
        .filter_map(|example| Some(example.split_once('"')?.0.to_owned()))
        .collect()
}

/// The first cells of the table under a heading.
fn first_cells(heading: &str) -> BTreeSet<String> {
    let text = protocol();
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.split(" |").next()).skip(1);
    cells.map(|cell| cell.trim_matches('`').to_owned()).collect()
}

/// The values of a field in frames.
fn values_of(field: &str, frames: &[Value], bound: &Bound) -> Vec<Value> {
    let values = frames
        .iter()
        .filter_map(|frame| spread(frame, bound).ok()?.get(field).cloned());
    let filled = values.map(|value| match value.as_str().and_then(|name| bound.get(name)) {
        Some(value) => value.clone(),
        None => value,
    });
    filled.collect()
}

fn missing(documented: &BTreeSet<String>, covered: impl Iterator<Item = Value>) -> Vec<String> {
    let covered: BTreeSet<String> = covered
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    documented.difference(&covered).cloned().collect()
}

#[test]
fn every_frame_of_the_server_occurs_in_a_script() {
    let documented = documented_types("←");
    assert_eq!(documented.len(), 13, "{documented:?}");
    let scripts = scripts();
    let received = scripts.iter().flat_map(|script| {
        let steps = script.steps.iter();
        steps.flat_map(|step| match step {
            Step::Receives(frames) => values_of("type", frames, &script.bound),
            _ => Vec::new(),
        })
    });
    assert_eq!(missing(&documented, received), [""; 0]);
}

#[test]
fn every_command_of_a_client_occurs_in_a_script() {
    let documented = documented_types("→");
    assert_eq!(documented.len(), 12, "{documented:?}");
    let scripts = scripts();
    let sent = scripts.iter().flat_map(|script| {
        let steps = script.steps.iter();
        steps.flat_map(|step| match step {
            Step::Sends(frames) | Step::SendsInAnyOrder(frames) => values_of("type", frames, &script.bound),
            _ => Vec::new(),
        })
    });
    assert_eq!(missing(&documented, sent), [""; 0]);
}

/// A script shows that a client reconnects after a code if the client opens a connection after the close.
#[test]
fn every_close_code_occurs_in_a_script_with_its_reconnect_rule() {
    let mut shown = BTreeSet::new();
    for script in scripts() {
        for (index, step) in script.steps.iter().enumerate() {
            let code = match step {
                Step::Closes(closing) => super::matching::fill(&closing.code, &script.bound).expect("a code"),
                Step::Loses(_) => json!(1006),
                _ => continue,
            };
            let next = script.steps[index..].iter().find_map(|step| match step {
                Step::Opens(Opens::Within(_)) => Some(true),
                Step::Opens(Opens::Nothing(_)) => Some(false),
                _ => None,
            });
            shown.extend(next.map(|reconnects| (code.to_string(), reconnects)));
        }
    }
    let text = protocol();
    for code in first_cells("Close codes and reconnecting") {
        let row = text.lines().find(|line| line.starts_with(&format!("| {code} |")));
        let rule = row.and_then(|row| row.split(" | ").nth(2)).unwrap_or_default();
        assert!(
            shown.contains(&(code.clone(), rule.starts_with("yes"))),
            "no script shows: {code} reconnect {rule}"
        );
    }
}

#[test]
fn every_error_code_occurs_in_a_script() {
    let scripts = scripts();
    let received = scripts.iter().flat_map(|script| {
        let steps = script.steps.iter();
        steps.flat_map(|step| match step {
            Step::Receives(frames) => values_of("code", frames, &script.bound),
            _ => Vec::new(),
        })
    });
    assert_eq!(missing(&first_cells("Errors"), received), [""; 0]);
}

/// A rule is a heading of the protocol page, or a heading and the first words of one below it.
#[test]
fn every_script_names_a_section_of_the_protocol() {
    let text = protocol();
    for script in scripts() {
        let (heading, below) = script.rule.split_once(": ").unwrap_or((&script.rule, ""));
        let section = text.split_once(&format!("\n## {heading}\n"));
        let (_, section) = section.unwrap_or_else(|| panic!("{}: no section {heading}", script.name));
        let section = section.split("\n## ").next().unwrap_or_default().to_lowercase();
        let heading = format!("\n### {}", below.to_lowercase());
        assert!(
            below.is_empty() || section.contains(&heading),
            "{}: {below}",
            script.name
        );
    }
}

#[test]
fn every_script_has_its_own_name() {
    let names: Vec<_> = scripts().into_iter().map(|script| script.name).collect();
    let distinct: BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
    assert!(names.len() > 100, "too few scripts: {}", names.len());
}

#[test]
fn every_file_satisfies_the_schema_of_the_format() {
    let schema: Value = serde_json::from_str(&script::text("schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let files = super::TOPICS.iter().copied().chain(["setups.json"]);
    for file in files {
        let content: Value = serde_json::from_str(&script::text(file)).expect("JSON");
        if let Err(error) = validator.validate(&content) {
            panic!("{file}{}: {error}", error.instance_path());
        }
    }
    let unknown = json!({ "version": 1, "topic": "t", "scripts": [
        { "name": "n", "about": "a", "rule": "r", "steps": [{ "dances": true }] },
    ] });
    assert!(!validator.is_valid(&unknown), "the schema knows every step");
}

#[test]
fn a_script_that_the_runner_does_not_understand_is_an_error() {
    for step in [
        json!({ "dances": true }),
        json!({ "hangsUp": false }),
        json!({ "opens": true }),
        json!({ "closes": { "code": 1012, "wasClean": true } }),
        json!({ "sends": [], "receives": [] }),
    ] {
        assert!(serde_json::from_value::<Step>(step.clone()).is_err(), "{step}");
    }
}
