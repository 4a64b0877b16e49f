//! Checks the structure of the code: nothing imports itself in a circle, and the tables of `ARCHITECTURE.md` are true.

mod circles;
mod document;
mod fixtures;
mod imports;
mod lists;
mod source;
mod surface;

use dialogue_tests::repository;
use source::Crate;

/// The crates whose imports are checked, by folder.
const CRATES: [&str; 2] = ["dialogue", "dialogue-macros"];

fn read(name: &str) -> Crate {
    let files = repository::rust_files(&repository::root().join(name).join("src"));
    Crate::of(&files.into_iter().collect())
}

#[test]
fn no_file_imports_itself_in_a_circle() {
    for name in CRATES {
        let files = imports::between_files(&read(name));
        assert!(files.len() >= 20, "too few files: {:?}", files.keys());
        let found = circles::circles(&files);
        assert!(
            found.is_empty(),
            "files of {name} import each other:\n{}",
            circles::report(&found)
        );
    }
}

#[test]
fn no_module_imports_another_in_a_circle() {
    for name in CRATES {
        let found = circles::circles(&imports::between_modules(&read(name)));
        assert!(
            found.is_empty(),
            "modules of {name} import each other:\n{}",
            circles::report(&found)
        );
    }
}

#[test]
fn the_import_table_of_architecture_md_is_true() {
    let modules = imports::between_modules(&read("dialogue"));
    if let Some(wrong) = document::false_imports(&repository::text("ARCHITECTURE.md"), &modules) {
        panic!("the import table of ARCHITECTURE.md is not true:\n{wrong}");
    }
}

#[test]
fn the_import_table_lists_each_module_above_those_that_it_imports() {
    let upwards = document::imports_upwards(&repository::text("ARCHITECTURE.md"));
    assert!(upwards.is_empty(), "these imports point up the table: {upwards:?}");
}

#[test]
fn every_row_of_add_x_edit_y_is_true() {
    let rows = document::to_add(&repository::text("ARCHITECTURE.md"));
    let named: Vec<_> = rows.iter().map(|row| row.what.as_str()).collect();
    assert_eq!(
        named,
        [
            "a wire command",
            "an option of `#[event(…)]`",
            "a limit",
            "a hook",
            "a store",
            "a metric",
            "an error code"
        ]
    );
    let functions = repository::functions();
    for row in rows {
        assert!(!row.files.is_empty(), "the row of {} names no file", row.what);
        let missing: Vec<_> = row.files.iter().filter(|file| !is_file(file)).collect();
        assert!(missing.is_empty(), "to add {}: no such file: {missing:?}", row.what);
        let missing = row
            .fails
            .iter()
            .filter(|name| !functions.contains(*name) && !is_file(name));
        let missing: Vec<_> = missing.collect();
        assert!(
            missing.is_empty(),
            "to add {}: no such test or file: {missing:?}",
            row.what
        );
    }
}

#[test]
fn every_file_that_these_pages_name_exists() {
    for (page, at_least) in [("ARCHITECTURE.md", 40), ("CONTRIBUTING.md", 20)] {
        let named = document::files(&repository::text(page));
        assert!(named.len() >= at_least, "too few files: {named:?}");
        let missing: Vec<_> = named.iter().filter(|file| !is_file(file)).collect();
        assert!(missing.is_empty(), "{page} names files that do not exist: {missing:?}");
    }
}

/// Whether a file or folder exists, by its path from the root or from one of the folders that the page is about.
fn is_file(name: &str) -> bool {
    let folders = [
        "",
        "dialogue",
        "dialogue/npm/src",
        "dialogue/src",
        "dialogue/src/client",
        "dialogue/src/runtime",
        "dialogue/src/transport/socket",
        "dialogue-macros/src",
        "tests/tests",
    ];
    folders
        .iter()
        .any(|folder| repository::root().join(folder).join(name).exists())
}

/// A crate of macros cannot share code with `dialogue`.
#[test]
fn the_macro_and_the_runtime_compare_ids_with_the_same_code() {
    let read = |file: &str| std::fs::read_to_string(repository::root().join(file)).expect("the file");
    assert!(
        read("dialogue-macros/src/rooms/overlap.rs") == read("dialogue/src/room/overlap.rs"),
        "copy the changed `overlap.rs` over the other"
    );
}
