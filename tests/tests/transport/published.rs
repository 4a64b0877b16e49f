//! What the server publishes over HTTP: the browser client and its caching headers.

use std::net::SocketAddr;

use dialogue_tests::{TestServer, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An HTTP response, split into its parts.
struct Response {
    status: String,
    headers: String,
    body: String,
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

async fn ask(address: SocketAddr, method: &str, path: &str, if_none_match: &str) -> Response {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nIf-None-Match: {if_none_match}\r\n\r\n"
    );
    let mut text = String::new();
    within("an HTTP response", async {
        let mut stream = TcpStream::connect(address).await.expect("the server accepts");
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        stream.read_to_string(&mut text).await.expect("a response in UTF-8");
    })
    .await;
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let (status, headers) = head.split_once("\r\n").expect("headers");
    Response {
        status: status.to_owned(),
        headers: headers.to_owned(),
        body: body.to_owned(),
    }
}

/// The client that servers serve: the one of the npm package, with an address relative to the module.
fn client() -> String {
    let package = include_str!("../../../dialogue/npm/client.js");
    let path = r#"const SOCKET_URL = "/dialogue/ws";"#;
    assert_eq!(package.matches(path).count(), 1);
    package.replace(path, r#"const SOCKET_URL = new URL("ws", import.meta.url);"#)
}

#[tokio::test]
async fn the_browser_client_is_served_as_in_the_npm_package_except_for_its_default_address() {
    let server = TestServer::plain().await;
    let response = ask(server.address(), "GET", "/dialogue/client.js", "\"other\"").await;
    assert_eq!(response.status, "HTTP/1.1 200 OK");
    assert!(response.body == client(), "the body differs from the module");
    assert_eq!(response.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(response.header("cache-control"), Some("no-cache"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn a_client_that_has_the_current_document_receives_304() {
    let server = TestServer::plain().await;
    let first = ask(server.address(), "GET", "/dialogue/client.js", "").await;
    let etag = first.header("etag").expect("an ETag").to_owned();
    for known in [etag.clone(), format!("\"other\", W/{etag}"), "*".to_owned()] {
        let again = ask(server.address(), "GET", "/dialogue/client.js", &known).await;
        assert_eq!(again.status, "HTTP/1.1 304 Not Modified", "{known}");
        assert_eq!(again.body, "");
        assert_eq!(again.header("etag"), Some(&*etag));
        assert_eq!(again.header("cache-control"), Some("no-cache"));
    }
}

#[tokio::test]
async fn head_returns_the_length_without_a_body() {
    let server = TestServer::plain().await;
    let response = ask(server.address(), "HEAD", "/dialogue/client.js", "").await;
    assert_eq!(response.status, "HTTP/1.1 200 OK");
    assert_eq!(response.header("content-length"), Some(&*client().len().to_string()));
    assert_eq!(response.body, "");
}

#[tokio::test]
async fn documents_move_with_the_base_path() {
    let server = TestServer::with(|builder| builder.base_path("/rooms")).await;
    let moved = ask(server.address(), "GET", "/rooms/client.js", "").await;
    assert_eq!(moved.status, "HTTP/1.1 200 OK");
    assert!(moved.body == client(), "the client finds its socket next to itself");
    let before = ask(server.address(), "GET", "/dialogue/client.js", "").await;
    assert_eq!(before.status, "HTTP/1.1 404 Not Found");
}
