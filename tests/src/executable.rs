//! The executables of the examples.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Builds an example and returns the path of its executable.
///
/// # Panics
///
/// Panics if the example does not build.
#[must_use]
pub fn example_executable(package: &str) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--package", package, "--message-format", "json"])
        .stderr(Stdio::inherit())
        .output()
        .expect("Cargo starts");
    assert!(output.status.success(), "the example `{package}` does not build");
    String::from_utf8(output.stdout)
        .expect("Cargo prints UTF-8")
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("Cargo prints the executable's path")
}
