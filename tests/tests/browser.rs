//! The chat example in a real browser. What happens there is told in `browser/chat.test.js`; this builds the example
//! and starts Node, so that `cargo test -- --ignored` runs it with the rest.
//!
//! Needs Node, Chromium (`/usr/bin/chromium`, or the path in `CHROMIUM`) and `npm ci` once in `tests/browser`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
#[ignore = "needs Chromium and Node"]
fn people_chat_in_a_browser() {
    let browser = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    assert!(
        browser.join("node_modules").is_dir(),
        "the packages of the browser test are not installed: run `npm ci` in tests/browser"
    );
    let status = Command::new("node")
        .args(["--test", "--test-reporter=spec", "chat.test.js"])
        .current_dir(browser)
        .env("CHAT_EXECUTABLE", chat_executable())
        .status()
        .expect("Node starts");
    assert!(
        status.success(),
        "the browser test failed; what Node printed says where"
    );
}

/// Builds the chat example and tells where it is.
fn chat_executable() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--package", "chat", "--message-format", "json"])
        .stderr(Stdio::inherit())
        .output()
        .expect("Cargo starts");
    assert!(output.status.success(), "the chat example does not build");
    String::from_utf8(output.stdout)
        .expect("Cargo prints UTF-8")
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("Cargo names the executable")
}
