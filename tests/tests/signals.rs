//! Signals. The test that sends one to its own process is the only test in this process.
#![cfg(unix)]

use std::process::Command;

use dialogue::Dialogue;
use dialogue_tests::within;

#[tokio::test]
async fn stop_on_signal_catches_a_signal_that_arrives_before_anything_awaits_it() {
    let dialogue = Dialogue::builder().define_events([]).build().expect("a server");
    let stopped = dialogue.stop_on_signal();
    let this_process = std::process::id().to_string();
    let sent = Command::new("kill").args(["-TERM", &this_process]).status();
    assert!(sent.expect("kill runs").success());
    let stopped = within("the end of the drain", stopped).await;
    stopped.expect("the drain finishes in time");
}
