//! The browser client, two examples (chat and desk), the recipes for front ends and the proxies, in a real browser and in
//! Node: today's client, and an old one against today's server. `browser/`, `node/`, `front-ends/` and `proxies/` hold the
//! tests themselves. This file builds the examples and starts Node, so that `cargo test -- --ignored` runs them, too.
//!
//! Needs Node, Chromium (`/usr/bin/chromium`, or the path in `CHROMIUM`), and `npm ci` once in each of these folders. The
//! proxies must be installed, too: nginx, Caddy, HAProxy and Apache, and OpenSSL's command.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use dialogue::Dialogue;
use dialogue_tests::{Rooms, example_executable};

#[test]
#[ignore = "needs Chromium and Node"]
fn people_chat_in_a_browser() {
    run_node_tests("browser", &["chat.test.js"], "today");
}

#[test]
#[ignore = "needs Chromium and Node"]
fn customers_and_agents_talk_in_a_browser_while_the_server_is_killed() {
    run_node_tests("browser", &["desk.test.js"], "today");
}

#[test]
#[ignore = "needs Chromium and Node"]
fn people_chat_in_a_browser_while_the_server_is_killed() {
    run_node_tests("browser", &["stored-chat.test.js"], "today");
}

#[test]
#[ignore = "needs Chromium and Node"]
fn the_recipes_for_front_ends_work_in_a_browser() {
    run_node_tests("front-ends", &["frameworks.test.js", "serving.test.js"], "today");
}

#[test]
#[ignore = "needs Node"]
fn the_recipes_for_front_ends_compile_and_pass_in_jest() {
    run_node_tests("front-ends", &["tools.test.js"], "today");
}

#[test]
#[ignore = "needs Chromium, Node, nginx, Caddy, HAProxy and Apache"]
fn the_configurations_for_proxies_work() {
    // No file names: Node runs every test file in the folder.
    run_node_tests("proxies", &[], "today");
}

#[test]
#[ignore = "needs Node"]
fn the_client_works_in_node() {
    // No file names: Node runs every test file in the folder.
    run_node_tests("node", &[], "today");
}

/// At least this many tests of each folder run with the old client. All others are marked with a reason.
const TESTS_WITH_OLD_CLIENT: usize = 14;

#[test]
#[ignore = "needs Node"]
fn the_old_client_works_in_node() {
    let passed = run_node_tests("node", &["server.test.js"], "old");
    assert!(
        passed >= TESTS_WITH_OLD_CLIENT,
        "only {passed} tests ran with the old client"
    );
}

#[test]
#[ignore = "needs Node"]
fn the_old_client_passes_the_conformance_scripts() {
    let passed = run_node_tests("node", &["conformance.test.js"], "old");
    assert!(passed > 100, "only {passed} scripts ran with the old client");
}

#[test]
#[ignore = "needs Chromium and Node"]
fn people_chat_in_a_browser_with_the_old_client() {
    let passed = run_node_tests("browser", &["chat.test.js"], "old");
    assert!(
        passed >= TESTS_WITH_OLD_CLIENT,
        "only {passed} tests ran with the old client"
    );
}

/// The program of a page without an address. It runs the client that the server at its argument serves, as a browser
/// would: the module knows its own address. A proxy on the way strips the prefix `/live`.
const PAGE: &str = r#"
    import { createServer, connect } from "node:net";
    import { SourceTextModule } from "node:vm";
    import { WebSocket } from "ws";

    const server = new URL(process.argv[1]);
    const proxy = createServer((client) => {
      const upstream = connect(server.port, server.hostname);
      client.once("data", (head) => {
        upstream.write(head.toString("latin1").replace(" /live/", " /"), "latin1");
        client.pipe(upstream).pipe(client);
      });
    });
    await new Promise((listening) => proxy.listen(0, "127.0.0.1", listening));
    globalThis.location = new URL("/a/page.html", server);

    async function connects(address) {
      const text = await (await fetch(address)).text();
      const module = new SourceTextModule(text, { initializeImportMeta: (meta) => (meta.url = address) });
      await module.link(() => {});
      await module.evaluate();
      const client = new module.namespace.DialogueClient({ WebSocket });
      client.onStateChange(({ state }) => state === "waiting" && process.exit(1));
      await client.connect();
      client.disconnect();
    }
    await connects(`${server.origin}/app/rt/client.js?v=3`);
    await connects(`http://127.0.0.1:${proxy.address().port}/live/app/rt/client.js`);
    process.exit(0);
"#;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node"]
async fn the_client_that_a_server_serves_connects_to_that_server() {
    let builder = Dialogue::builder().rooms::<Rooms>().base_path("/rt");
    let dialogue = builder.build().expect("a server");
    let nested = axum::Router::new().nest("/app", dialogue.router());
    let address = dialogue
        .start_router(([127, 0, 0, 1], 0), nested)
        .await
        .expect("a free port");
    let page = Command::new("node")
        .args([
            "--experimental-vm-modules",
            "--input-type=module",
            "--eval",
            PAGE,
            &format!("http://{address}"),
        ])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("node"))
        .status()
        .expect("Node starts");
    assert!(page.success(), "the client did not connect");
}

/// Runs these tests of a folder next to this one, with the examples as their servers and with this client (see
/// `node/support/client.js`). Returns the number of tests that passed. Skipped tests do not count.
fn run_node_tests(folder: &str, files: &[&str], client: &str) -> usize {
    // One run at a time: two browsers on a small machine could exceed the time limits in the tests.
    static RUN: Mutex<()> = Mutex::new(());
    let _run = RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    assert!(
        path.join("node_modules").is_dir(),
        "the npm packages of these tests are not installed: run `npm ci` in tests/{folder}"
    );
    let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{folder}-{client}.tap"));
    let status = Command::new("node")
        .args(["--test", "--test-reporter=spec", "--test-reporter-destination=stdout"])
        .args(["--test-reporter=tap", "--test-reporter-destination"])
        .arg(&report)
        .args(files)
        .current_dir(path)
        .env("CHAT_EXECUTABLE", example_executable("chat"))
        .env("DESK_EXECUTABLE", example_executable("desk"))
        .env("INSPECTED_EXECUTABLE", env!("CARGO_BIN_EXE_inspected"))
        .env("STORED_CHAT_EXECUTABLE", env!("CARGO_BIN_EXE_stored_chat"))
        .env("SERVED_EXECUTABLE", env!("CARGO_BIN_EXE_served"))
        .env("CLIENT", client)
        .status()
        .expect("Node starts");
    assert!(status.success(), "the tests failed; see the output of Node above");
    let report = std::fs::read_to_string(report).expect("Node writes the report");
    let passed = report
        .lines()
        .find_map(|line| line.strip_prefix("# pass "))
        .expect("the report has a total");
    passed.parse().expect("the total is a number")
}
