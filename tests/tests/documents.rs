//! Checks that the documents name tests that exist, and show code that is tested.

use dialogue_tests::repository;

#[test]
fn every_test_that_the_documents_name_exists() {
    let functions = repository::functions();
    for (document, at_least) in [("docs/promises.md", 100), ("docs/client-rust.md", 20)] {
        let text = repository::text(document);
        let named = tests_named(&text);
        assert!(named.len() >= at_least, "too few names in the tables: {named:?}");
        let missing: Vec<_> = named.iter().filter(|name| !functions.contains(**name)).collect();
        assert!(
            missing.is_empty(),
            "{document} names tests that do not exist: {missing:?}"
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

/// The recipes are in `tests/front-ends`, where `browser.rs` runs them.
#[test]
fn front_ends_md_shows_the_recipes_that_are_tested() {
    let document = repository::text("docs/front-ends.md");
    // A path in a line of its own, followed by the content of the file.
    let shown: Vec<(&str, &str)> = document
        .match_indices("`:\n\n```")
        .filter_map(|(at, marker)| {
            let path = document[..at].rsplit_once("\n`")?.1;
            let block = &document[at + marker.len()..];
            Some((path, block.split_once('\n')?.1.split_once("```\n")?.0))
        })
        .collect();
    assert!(shown.len() >= 20, "too few recipes: {shown:?}");
    for (path, code) in shown {
        let file = format!("tests/front-ends/{path}");
        assert!(
            code == repository::text(&file),
            "docs/front-ends.md shows another {path} than {file}"
        );
    }
}

/// Whoever copies the block gets versions that the program in the README compiles with.
#[test]
fn the_dependencies_in_the_readme_are_those_of_the_workspace() {
    let readme = repository::text("README.md");
    let block = readme
        .split_once("```toml\n[dependencies]\n")
        .expect("a block to copy")
        .1;
    let block = block.split_once("```").expect("the end of the block").0;
    let workspace = repository::text("Cargo.toml");
    let mut names = Vec::new();
    for line in block.lines() {
        let (name, _) = line.split_once(" = ").expect("a dependency in each line");
        let entry = workspace.lines().find(|entry| entry.starts_with(&format!("{name} = ")));
        let entry = entry.unwrap_or_else(|| panic!("{name} is a dependency of the workspace"));
        let version = |entry| quoted(entry).find(|text| text.starts_with(|first: char| first.is_ascii_digit()));
        let (copied, tested) = (version(line).expect("a version"), version(entry).expect("a version"));
        assert!(
            tested.starts_with(copied),
            "{name}: {copied} in the README, {tested} in the workspace"
        );
        names.push(name);
    }
    assert_eq!(names, ["dialogue", "schemars", "serde", "serde_json", "tokio"]);
}

/// The texts in quotes.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}
