//! The feed: live events, and the treatment of viewers that do not read.

use std::net::SocketAddr;
use std::time::Duration;

use dialogue::{DialogueEvent, Limits};
use dialogue_tests::{Chat, Project, Typing, message, within};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{ask, open, trigger, with};

/// A client that watches the feed.
struct Viewer {
    lines: BufReader<TcpStream>,
    waiting: Vec<Value>,
}

impl Viewer {
    /// Opens the feed and waits until it is ready.
    async fn watch(address: SocketAddr) -> Self {
        let mut viewer = Self::open(address).await;
        let status = viewer.line().await;
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
        while !viewer.line().await.starts_with("retry:") {}
        viewer
    }

    async fn open(address: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await;
        let mut stream = stream.expect("the server accepts");
        let request = format!("GET /dialogue/inspect/feed HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        Self {
            lines: BufReader::new(stream),
            waiting: Vec::new(),
        }
    }

    /// The next line. It is empty at the end of the connection; an empty line still has its line break.
    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = within("a line of the feed", self.lines.read_line(&mut line)).await;
        read.expect("a line");
        line
    }

    /// The next entry of this kind; skips entries of other kinds.
    async fn next(&mut self, kind: &str) -> Value {
        loop {
            while let Some(entry) = self.waiting.pop() {
                if entry["kind"] == kind {
                    return entry;
                }
            }
            let line = self.line().await;
            assert!(!line.is_empty(), "the feed ended before `{kind}`");
            if let Some(list) = line.strip_prefix("data: [") {
                self.waiting = serde_json::from_str(&format!("[{list}")).expect("a list");
                self.waiting.reverse();
            }
        }
    }

    /// The next rates that fulfil a condition.
    async fn rates(&mut self, holds: impl Fn(&Value) -> bool) -> Value {
        loop {
            if self.line().await.trim() != "event: rates" {
                continue;
            }
            let line = self.line().await;
            let rates = serde_json::from_str(line.strip_prefix("data: ").expect("data")).expect("rates");
            if holds(&rates) {
                return rates;
            }
        }
    }
}

#[tokio::test]
async fn proxies_are_asked_not_to_buffer_the_feed() {
    let server = open().await;
    let mut viewer = Viewer::open(server.address()).await;
    let mut headers = Vec::new();
    while headers.last().is_none_or(|line: &String| !line.trim().is_empty()) {
        headers.push(viewer.line().await.to_ascii_lowercase());
    }
    assert!(
        headers.iter().any(|line| line.trim() == "x-accel-buffering: no"),
        "{headers:?}"
    );
}

#[tokio::test]
async fn the_feed_says_which_events_are_erased() {
    let server = open().await;
    let mut viewer = Viewer::watch(server.address()).await;
    server
        .trigger(Chat, message("hers").sent_by("ada"))
        .await
        .expect("an event");
    viewer.next("event").await;
    assert_eq!(server.erase_user("ada").await.expect("no store"), 1);
    let erased = viewer.next("erased").await;
    assert_eq!((&erased["roomId"], &erased["seqs"]), (&json!("chat"), &json!([1])));
}

#[tokio::test]
async fn the_feed_shows_what_happens_in_every_room_as_it_happens() {
    let server = open().await;
    let mut viewer = Viewer::watch(server.address()).await;
    let mut ada = server.connect_as("ada").await;
    ada.join("chat").await;
    let joined = viewer.next("joined").await;
    assert_eq!(
        (&joined["roomId"], &joined["userId"], &joined["size"]),
        (&json!("chat"), &json!("ada"), &json!(1))
    );
    assert_eq!(joined["clientId"], ada.connected["clientId"]);

    ada.say("chat", "line\nbreak").await;
    let event = viewer.next("event").await;
    assert_eq!(event["message"]["data"]["text"], "line\nbreak");
    assert_eq!(
        (&event["message"]["from"], &event["message"]["seq"]),
        (&json!("ada"), &json!(1))
    );
    assert_eq!(event["recipients"], 1);
    assert!(
        event["message"].get("type").is_none() && event["bytes"].is_u64(),
        "{event}"
    );

    let sent = server.trigger(Chat, Typing { is_typing: true }).await;
    sent.expect("the room allows it");
    assert_eq!(
        viewer.next("event").await["message"]["event"],
        "typing",
        "the feed shows an event without recipients"
    );

    server.create_room(Project { id: 7 }).await.expect("a room");
    let created = viewer.next("created").await;
    assert_eq!(
        (&created["roomId"], &created["name"]),
        (&json!("project-7"), &json!("Project discussion"))
    );
    ada.join("project-7").await;
    viewer.next("joined").await;
    assert!(server.delete_room(Project { id: 7 }).await.expect("a deletion"));
    assert_eq!(viewer.next("left").await["size"], 0);
    assert_eq!(viewer.next("deleted").await["roomId"], "project-7");

    ada.close().await;
    let left = viewer.next("left").await;
    assert_eq!(
        (&left["roomId"], &left["userId"], &left["size"]),
        (&json!("chat"), &json!("ada"), &json!(0))
    );
}

#[tokio::test]
async fn the_feed_reports_rates_every_second() {
    let server = open().await;
    let mut viewer = Viewer::watch(server.address()).await;
    let _ada = server.joined("ada", "chat").await;
    for _ in 0..3 {
        server.trigger(Chat, message("hi")).await.expect("the trigger succeeds");
    }
    // A second may end between two of the events.
    let mut totals = (0, 0, 0);
    while totals.0 < 3 {
        let rates = viewer.rates(|rates| rates["events"] != 0).await;
        let count = |value: &Value| value.as_u64().expect("a count");
        totals.0 += count(&rates["events"]);
        totals.1 += count(&rates["deliveries"]);
        totals.2 += count(&rates["rooms"]["chat"]);
        assert_eq!(rates["clients"], 1);
        assert_eq!(rates["roomCount"], server.here().rooms().len());
    }
    assert_eq!(totals, (3, 3, 3));
    viewer.rates(|rates| rates["events"] == 0).await;
}

#[tokio::test]
async fn a_viewer_that_does_not_read_learns_how_much_it_missed_and_delays_nobody() {
    let server = open().await;
    let mut viewer = Viewer::watch(server.address()).await;
    let events = 6_000;
    for number in 0..events {
        let text = format!("{number} {}", "x".repeat(900));
        server
            .trigger(Chat, message(&text))
            .await
            .expect("the trigger succeeds");
    }
    let mut seen = 0;
    let mut dropped = 0;
    while seen + dropped < events {
        let line = viewer.line().await;
        let Some(list) = line.strip_prefix("data: [") else {
            continue;
        };
        let list: Vec<Value> = serde_json::from_str(&format!("[{list}")).expect("a list");
        for entry in list {
            match entry["kind"].as_str() {
                Some("dropped") => dropped += entry["count"].as_u64().expect("a count"),
                Some("event") => seen += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(dropped > 0, "{seen} seen");
    assert_eq!(seen + dropped, events, "each event is either shown or counted");
}

#[tokio::test]
async fn the_number_of_viewers_is_limited_and_closing_one_frees_its_place() {
    let server = open().await;
    let mut viewers = Vec::new();
    for _ in 0..16 {
        viewers.push(Viewer::watch(server.address()).await);
    }
    assert_eq!(ask(server.address(), "inspect/feed").await.status, 503);
    viewers.pop();
    within("a free place", async {
        loop {
            let mut viewer = Viewer::open(server.address()).await;
            if viewer.line().await.starts_with("HTTP/1.1 200") {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_server_drains_at_once_while_a_viewer_watches() {
    let server = open().await;
    let mut viewer = Viewer::watch(server.address()).await;
    server.stop().await;
    let mut rest = String::new();
    within("the end of the feed", viewer.lines.read_to_string(&mut rest))
        .await
        .expect("the feed ends cleanly");
    assert!(rest.contains("event: end"), "{rest}");
}

#[tokio::test]
async fn a_viewer_that_never_reads_does_not_delay_the_drain() {
    let server =
        with(|builder| builder.limits(Limits::default().with_write_deadline(Duration::from_millis(100)))).await;
    let viewer = Viewer::watch(server.address()).await;
    let large = json!({ "event": "large", "data": "x".repeat(400 * 1024) });
    // The kernel buffers a few megabytes for a viewer that reads nothing; this test sends 40.
    for _ in 0..100 {
        let sent = trigger(server.address(), "open", large.clone()).await;
        assert_eq!(sent.status, 200, "{}", sent.body);
    }
    server.stop().await;
    drop(viewer);
}
