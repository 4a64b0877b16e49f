//! How long an HTTP connection may be idle, and how long a request may take to arrive.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep};

use super::*;
use crate::Builder;
use crate::transport::http::http_connection;

/// The default of the limit on idle connections.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The default time for the headers of a request.
const HEADERS: Duration = Duration::from_secs(10);

const REQUEST: &str = "GET /dialogue/ready HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// One end of an HTTP connection.
struct Connection {
    socket: DuplexStream,
}

impl Connection {
    /// Opens a connection to a server with two routes of the application: one that takes a minute, and one that reads its
    /// whole body.
    fn open() -> Self {
        Self::to(Dialogue::builder())
    }

    fn to(builder: Builder) -> Self {
        let dialogue = builder.define_events([]).build().expect("a server");
        let minute = || async {
            sleep(Duration::from_secs(60)).await;
            "slow"
        };
        let app = dialogue
            .router()
            .route("/minute", get(minute))
            .route("/whole", post(|body: Bytes| async move { body.len().to_string() }));
        let (socket, theirs) = tokio::io::duplex(100_000);
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        tokio::spawn(http_connection(
            Arc::clone(&dialogue.core),
            theirs,
            peer,
            app,
            dialogue.core.lifecycle.stopping.clone(),
        ));
        Self { socket }
    }

    async fn send(&mut self, bytes: &str) {
        self.socket.write_all(bytes.as_bytes()).await.expect("the server reads");
    }

    /// The body of the next response.
    async fn answer(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(self.socket.read_u8().await.expect("a response").into());
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a length"))];
        self.socket.read_exact(&mut body).await.expect("the whole response");
        String::from_utf8(body).expect("text")
    }

    async fn exchange(&mut self, request: &str) -> String {
        self.send(request).await;
        self.answer().await
    }

    /// How long the server still keeps the connection open.
    async fn lasts(&mut self) -> Duration {
        let began = Instant::now();
        let mut rest = Vec::new();
        let _ = self.socket.read_to_end(&mut rest).await;
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408 "), "{rest:?}");
        began.elapsed()
    }
}

/// Whether a connection has lasted for this time, and for at most a moment longer.
fn about(lasted: Duration, expected: Duration) -> bool {
    lasted >= expected && lasted < expected + Duration::from_secs(1)
}

#[tokio::test(start_paused = true)]

async fn an_idle_connection_lasts_for_its_own_limit() {
    let mut connection = Connection::open();
    for _ in 0..3 {
        connection.exchange(REQUEST).await;
        sleep(KEEP_ALIVE - Duration::from_secs(1)).await;
    }
    connection.exchange(REQUEST).await;
    let lasted = connection.lasts().await;
    assert!(about(lasted, KEEP_ALIVE), "{lasted:?}");
}

#[tokio::test(start_paused = true)]

async fn the_end_of_a_body_begins_the_idle_time() {
    let chunked = "POST /whole HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    for request in [
        "POST /whole HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nbody",
        "POST /whole HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n\r\n\r\n",
        "POST /whole HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n",
        &format!("{chunked}4;name=value\r\nbody\r\n0\r\n\r\n"),
        &format!("{chunked}2\r\nbo\r\n2\r\ndy\r\n0\r\ntrailer: x\r\n\r\n"),
    ] {
        // In one piece, in two at each byte, and byte by byte.
        for cut in 0..request.len() {
            let mut connection = Connection::open();
            let (first, second) = request.split_at(cut);
            connection.send(first).await;
            settle().await;
            connection.exchange(second).await;
            sleep(KEEP_ALIVE - Duration::from_secs(1)).await;
            connection.exchange(REQUEST).await;
            let lasted = connection.lasts().await;
            assert!(about(lasted, KEEP_ALIVE), "{lasted:?} after {request} cut at {cut}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_request_of_a_connection_has_the_time_for_headers_from_the_beginning() {
    for sent in ["", "G", "\r\n", "GET /dialogue/ready HTTP/1.1\r\nhost: local"] {
        let mut connection = Connection::open();
        sleep(Duration::from_secs(6)).await;
        connection.send(sent).await;
        let lasted = connection.lasts().await;
        assert!(
            about(lasted, HEADERS - Duration::from_secs(6)),
            "{lasted:?} after {sent:?}"
        );
    }
}

#[tokio::test(start_paused = true)]

async fn the_headers_of_a_later_request_have_their_time_from_their_first_byte() {
    let mut connection = Connection::open();
    connection.exchange(REQUEST).await;
    sleep(Duration::from_secs(60)).await;
    let began = Instant::now();
    for byte in REQUEST.chars().take(8) {
        connection.send(&byte.to_string()).await;
        sleep(Duration::from_secs(1)).await;
    }
    connection.lasts().await;
    assert!(about(began.elapsed(), HEADERS), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_request_behind_another_one_has_the_time_for_headers() {
    let chunked = "POST /whole HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
    let sized = "POST /whole HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nbody";
    for requests in [
        vec![REQUEST],
        vec![sized],
        vec![chunked],
        vec![REQUEST, REQUEST],
        vec![chunked, REQUEST],
        vec![chunked, sized],
        vec![chunked, chunked],
        vec![sized, chunked, REQUEST, sized],
    ] {
        for unfinished in ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nhost: localhost\r\n"] {
            let mut connection = Connection::open();
            connection.send(&format!("{}{unfinished}", requests.concat())).await;
            for _ in &requests {
                connection.answer().await;
            }
            let lasted = connection.lasts().await;
            assert!(
                about(lasted, HEADERS),
                "{lasted:?} after {requests:?} and {unfinished:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_arrive_together_are_all_answered() {
    let sized = "POST /whole HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nbody";
    let chunked = "POST /whole HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3\r\nbod\r\n0\r\n\r\n";
    let minute = "GET /minute HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let requests = [sized, "\r\n", REQUEST, chunked, sized, minute, chunked, minute, sized].concat();
    for size in [1, 7, 100, requests.len()] {
        let mut connection = Connection::open();
        for piece in requests.as_bytes().chunks(size) {
            connection.send(std::str::from_utf8(piece).expect("text")).await;
            settle().await;
        }
        for body in ["4", "", "3", "4", "slow", "3", "slow", "4"] {
            assert_eq!(connection.answer().await, body);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_response_does_not_cost_the_next_request_its_time() {
    let mut connection = Connection::open();
    let (first, second) = REQUEST.split_at(20);
    connection.send("GET /minute HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    connection.send(first).await;
    assert_eq!(connection.answer().await, "slow");
    sleep(HEADERS - Duration::from_secs(1)).await;
    connection.exchange(second).await;
}

#[cfg(feature = "inspector")]
#[tokio::test(start_paused = true)]
async fn requests_to_the_inspector_reuse_a_connection_and_its_feed_lasts() {
    let builder = || Dialogue::builder().inspector(|_| async { Ok(()) });
    let rooms = "GET /dialogue/inspect/rooms HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut connection = Connection::to(builder());
    for _ in 0..3 {
        connection.exchange(rooms).await;
        sleep(KEEP_ALIVE - Duration::from_secs(1)).await;
    }
    connection.exchange(rooms).await;
    let mut viewer = Connection::to(builder());
    viewer
        .send("GET /dialogue/inspect/feed HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let until = Instant::now() + KEEP_ALIVE * 3;
    let mut part = [0; 10_000];
    while Instant::now() < until {
        assert!(viewer.socket.read(&mut part).await.expect("the feed lasts") > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_idle_time_each_response_ends_its_connection() {
    let limits = crate::Limits::default().with_keep_alive(Duration::ZERO);
    let mut connection = Connection::to(Dialogue::builder().limits(limits));
    connection.send(REQUEST).await;
    let mut response = String::new();
    let read = connection.socket.read_to_string(&mut response).await;
    read.expect("the connection ends in order");
    assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
}
