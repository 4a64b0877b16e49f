//! The conformance suite (`docs/conformance`) against the Rust client: its public API over real sockets, on a clock that
//! only the scripts move. `tests/node/conformance.test.js` runs the same scripts against the JavaScript client.

mod coverage;
mod listening;
mod matching;
mod report;
mod runner;
mod script;
mod server;
mod user;

use script::Script;

/// Runs every script of a topic, and reports each that failed by its name. Says which scripts it skips: those that name
/// this client in their field `skip`.
fn run_topic(file: &str) {
    let scripts = script::scripts_of(file);
    assert!(!scripts.is_empty(), "{file} has no scripts");
    let (skipped, run): (Vec<_>, Vec<_>) = scripts.iter().partition(|script| script.skipped.is_some());
    for script in &skipped {
        println!(
            "skipped: {} ({})",
            script.name,
            script.skipped.as_deref().unwrap_or_default()
        );
    }
    println!("{file}: {} scripts, {} skipped", scripts.len(), skipped.len());
    let failed: Vec<String> = run.into_iter().filter_map(report).collect();
    assert!(
        failed.is_empty(),
        "{} of {} scripts failed:\n{}",
        failed.len(),
        scripts.len(),
        failed.join("\n")
    );
}

/// Runs a script. Returns its name and what went wrong, if it failed.
fn report(script: &Script) -> Option<String> {
    match runner::run(script) {
        Ok(()) => {
            println!("passed: {}", script.name);
            None
        }
        Err(error) => Some(format!("{}\n{error}\n", script.name)),
    }
}

macro_rules! topics {
    ($(fn $test:ident() runs $file:literal;)*) => {
        const TOPICS: &[&str] = &[$($file),*];

        $(
            #[test]
            fn $test() {
                run_topic($file);
            }
        )*
    };
}

topics! {
    fn the_client_passes_the_scripts_of_closing() runs "closing.json";
    fn the_client_passes_the_scripts_of_connecting() runs "connecting.json";
    fn the_client_passes_the_scripts_of_erasure() runs "erasure.json";
    fn the_client_passes_the_scripts_of_gaps() runs "gaps.json";
    fn the_client_passes_the_scripts_of_handles() runs "handles.json";
    fn the_client_passes_the_scripts_of_joining() runs "joining.json";
    fn the_client_passes_the_scripts_of_keys() runs "keys.json";
    fn the_client_passes_the_scripts_of_limits() runs "limits.json";
    fn the_client_passes_the_scripts_of_pacing() runs "pacing.json";
    fn the_client_passes_the_scripts_of_recovery() runs "recovery.json";
    fn the_client_passes_the_scripts_of_rejoining() runs "rejoining.json";
    fn the_client_passes_the_scripts_of_renewal() runs "renewal.json";
    fn the_client_passes_the_scripts_of_requests() runs "requests.json";
    fn the_client_passes_the_scripts_of_resume() runs "resume.json";
    fn the_client_passes_the_scripts_of_server_joins() runs "server-joins.json";
    fn the_client_passes_the_scripts_of_subscriptions() runs "subscriptions.json";
    fn the_client_passes_the_scripts_of_unavailable() runs "unavailable.json";
}

#[test]
fn every_topic_is_run() {
    assert_eq!(script::topics(), TOPICS);
}
