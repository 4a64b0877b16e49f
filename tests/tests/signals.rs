//! Signals. A test that sends one to its own process has that to itself.
#![cfg(unix)]

use std::process::Command;

use dialogue::Dialogue;
use dialogue_tests::within;

#[tokio::test]
async fn a_signal_is_heard_from_the_call_on_before_anybody_waits_for_it() {
    let dialogue = Dialogue::builder().build().expect("a server");
    let stopped = dialogue.stop_on_signal();
    let this_process = std::process::id().to_string();
    let sent = Command::new("kill").args(["-TERM", &this_process]).status();
    assert!(sent.expect("kill runs").success());
    let stopped = within("the end of the drain", stopped).await;
    stopped.expect("the drain ends by itself");
}
