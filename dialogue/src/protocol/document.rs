//! Tests that `docs/protocol.md` agrees with the code.

use std::collections::HashSet;

use super::{CloseCode, Command, ErrorCode, Request};

const DOCUMENT: &str = include_str!("../../docs/protocol.md");

/// The first cell of each row in the table under a heading.
fn first_cells(heading: &str) -> Vec<&'static str> {
    let (_, section) = DOCUMENT.split_once(heading).expect("the heading is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    rows.filter_map(|row| row.split(" |").next()).skip(1).collect()
}

#[test]
fn every_example_of_a_request_is_valid() {
    let mut types = HashSet::new();
    for line in DOCUMENT.lines().filter_map(|line| line.strip_prefix("→ ")) {
        let request = Request::parse(line, 32).unwrap_or_else(|refused| panic!("{line}: {refused:?}"));
        types.insert(std::mem::discriminant(&request.command));
        if !matches!(request.command, Command::Connect(_)) {
            assert!(request.id.is_some(), "{line}: the documented reply has an id");
        }
    }
    assert_eq!(types.len(), 12, "each of the 12 commands has an example");
}

#[test]
fn every_error_code_has_a_row() {
    let expected: Vec<_> = ErrorCode::ALL.iter().map(|code| format!("`{code}`")).collect();
    assert_eq!(first_cells("\n## Errors"), expected);
}

#[test]
fn every_close_code_has_a_row_with_its_reconnect_rule() {
    let rows = first_cells("\n## Close codes and reconnecting");
    for code in CloseCode::ALL {
        let number = code.code().to_string();
        assert!(rows.contains(&number.as_str()), "{code}");
        let row = DOCUMENT.lines().find(|line| line.starts_with(&format!("| {number} |")));
        let rule = row.and_then(|row| row.split(" | ").nth(2)).unwrap_or_default();
        assert_eq!(rule.starts_with("yes"), code.reconnects(), "{code}");
        assert_eq!(rule.starts_with("no"), !code.reconnects(), "{code}");
    }
    assert_eq!(rows.len(), 17, "all these codes and 1006, which no server sends");
}
