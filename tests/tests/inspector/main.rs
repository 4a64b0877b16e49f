//! The inspector over real sockets: who may use it, what it shows, and that it costs the server little.

mod access;
mod api;
mod feed;
mod page;

use std::net::SocketAddr;

use dialogue::Builder;
use dialogue_tests::{TestServer, within};
use http::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A response, split into its parts.
struct Answer {
    status: StatusCode,
    headers: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends one request on its own connection, with these header lines.
async fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let stream = within("a connection", TcpStream::connect(address)).await;
    let mut stream = stream.expect("the server accepts");
    let length = body.len();
    let request = format!(
        "{method} /dialogue/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\
         {headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut answer = Vec::new();
    within("an answer", stream.read_to_end(&mut answer))
        .await
        .expect("a complete answer");
    let answer = String::from_utf8(answer).expect("UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer {
        status: status.expect("a status"),
        headers: head.to_lowercase(),
        body: body.to_owned(),
    }
}

async fn ask(address: SocketAddr, path: &str) -> Answer {
    send(address, "GET", path, "", "").await
}

const JSON: &str = "Content-Type: application/json\r\n";

async fn trigger(address: SocketAddr, room: &str, event: Value) -> Answer {
    let path = format!("inspect/rooms/{room}/trigger");
    send(address, "POST", &path, JSON, &event.to_string()).await
}

/// A server whose inspector is open to everyone.
async fn open() -> TestServer {
    with(|builder| builder).await
}

async fn with(configure: impl FnOnce(Builder) -> Builder) -> TestServer {
    TestServer::with(|builder| configure(builder.inspector(|_| async { Ok(()) }))).await
}
