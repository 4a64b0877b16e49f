//! Checks that the documents name tests that exist.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text of every Rust file below a folder.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).expect("a source file"));
        }
    }
}

#[test]
fn every_test_that_the_documents_name_exists() {
    let mut text = String::new();
    for folder in ["dialogue/src", "tests/tests", "ui-tests/tests"] {
        sources(&root().join(folder), &mut text);
    }
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let functions: HashSet<&str> = text
        .split("fn ")
        .skip(1)
        .map(|rest| rest.split(|character| !is_name(character)).next().unwrap_or_default())
        .collect();
    for (document, at_least) in [("docs/promises.md", 100), ("docs/client-rust.md", 20)] {
        let document = fs::read_to_string(root().join(document)).expect("a document");
        let named = tests_named(&document);
        assert!(named.len() >= at_least, "too few names in the tables: {named:?}");
        let missing: Vec<_> = named.iter().filter(|name| !functions.contains(*name)).collect();
        assert!(
            missing.is_empty(),
            "the documents name tests that do not exist: {missing:?}"
        );
    }
}

/// The names in the first column of each table whose header marks it as a table of tests.
fn tests_named(document: &str) -> Vec<&str> {
    let mut in_table = false;
    let rows = document.lines().filter(|line| {
        in_table = line.starts_with("| test |") || (in_table && line.starts_with('|'));
        in_table
    });
    rows.filter_map(|row| row.strip_prefix("| `")?.split(" | ").next())
        .flat_map(|cell| cell.split("`, `"))
        .map(|name| name.trim_end_matches('`'))
        .collect()
}
