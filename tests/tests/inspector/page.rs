//! The page: its files, and its use in a browser.

use dialogue::refuse;
use dialogue_tests::TestServer;

use super::{ask, open};

#[tokio::test]
async fn the_page_and_every_file_that_it_requests_are_served() {
    let server = open().await;
    let page = ask(server.address(), "inspect").await;
    assert!(page.headers.contains("content-type: text/html"), "{}", page.headers);
    let named = page
        .body
        .split("\"inspect/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let mut wanted: Vec<String> = named.map(str::to_owned).collect();
    let mut seen = Vec::new();
    while let Some(file) = wanted.pop() {
        let answer = ask(server.address(), &format!("inspect/{file}")).await;
        assert_eq!(answer.status, 200, "{file}");
        let kind = if file.ends_with(".js") {
            "text/javascript"
        } else {
            "text/css"
        };
        assert!(answer.headers.contains(kind), "{file}");
        let imports = answer.body.lines().filter_map(|line| line.split_once("from \"./"));
        let imports = imports.filter_map(|(_, rest)| rest.split('"').next());
        wanted.extend(
            imports
                .filter(|name| !seen.contains(&(*name).to_owned()))
                .map(str::to_owned),
        );
        seen.push(file);
    }
    assert!(seen.len() > 5, "{seen:?}");
    assert!(
        !page.body.contains("<style") && !page.body.contains("onclick"),
        "the page has no inline styles or handlers"
    );
    assert_eq!(ask(server.address(), "inspect/..%2fCargo.toml").await.status, 404);
}

#[tokio::test]
async fn a_trailing_slash_redirects_to_the_page() {
    let server = open().await;
    for (asked, location) in [("inspect/", "../inspect"), ("inspect/?a=%22&b", "../inspect?a=%22&b")] {
        let answer = ask(server.address(), asked).await;
        assert_eq!(answer.status, 308, "{asked}");
        let redirected_to = answer.headers.lines().find_map(|line| line.strip_prefix("location: "));
        assert_eq!(redirected_to, Some(location));
    }
    let guarded = TestServer::with(|builder| builder.inspector(|_| async { refuse("no") })).await;
    assert_eq!(ask(guarded.address(), "inspect/").await.status, 403);
}

/// The tests themselves are in `browser/inspector.test.js`. Needs Node, Chromium (`/usr/bin/chromium`, or the path in
/// `CHROMIUM`), and `npm ci` once in `tests/browser`.
#[test]
#[ignore = "needs Chromium and Node"]
fn the_page_works_in_a_browser() {
    let browser = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    assert!(
        browser.join("node_modules").is_dir(),
        "the npm packages of the browser test are not installed: run `npm ci` in tests/browser"
    );
    let status = std::process::Command::new("node")
        .args(["--test", "--test-reporter=spec", "inspector.test.js"])
        .current_dir(browser)
        .env("INSPECTED_EXECUTABLE", env!("CARGO_BIN_EXE_inspected"))
        .status()
        .expect("Node starts");
    assert!(
        status.success(),
        "the browser test failed; see the output of Node above"
    );
}
