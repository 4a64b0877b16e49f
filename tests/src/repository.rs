//! The files of this repository, for the tests that hold its documents to its code.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text of a file, by its path from the root.
///
/// # Panics
///
/// When the file cannot be read.
#[must_use]
pub fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The Rust files below a folder: the path of each from that folder, with `/` between its parts, and its text.
///
/// # Panics
///
/// When a file cannot be read.
#[must_use]
pub fn rust_files(folder: &Path) -> Vec<(String, String)> {
    fn below(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                below(root, &path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("a path below the folder");
                let name = name.to_str().expect("a path in UTF-8").replace('\\', "/");
                files.push((name, fs::read_to_string(&path).expect("a source file")));
            }
        }
    }
    let mut files = Vec::new();
    below(folder, folder, &mut files);
    files
}

/// The names of all functions in the folders that hold tests.
#[must_use]
pub fn functions() -> HashSet<String> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut functions = HashSet::new();
    for folder in [
        "dialogue/src",
        "dialogue-macros/src",
        "tests/tests",
        "tests/jwt-backends/tests",
        "tests/types/tests",
        "ui-tests/tests",
    ] {
        for (_, text) in rust_files(&root().join(folder)) {
            let names = text.split("fn ").skip(1);
            functions
                .extend(names.filter_map(|rest| rest.split(|character| !is_name(character)).next().map(str::to_owned)));
        }
    }
    functions
}
