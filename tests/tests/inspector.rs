//! The inspector over real sockets: who gets to it, what it tells, and that it costs the server nothing it cannot spare.
//! How the page behaves in a browser is told in `browser/inspector.test.js`.

use std::net::SocketAddr;
use std::time::Duration;

use dialogue::{Builder, Handshake, Limits, Refusal};
use dialogue_tests::{CapturedLog, Chat, Gate, Message, Project, TestServer, Typing, message, within};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A response as it came.
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

/// One request on a connection of its own, with these header lines.
async fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let stream = within("a connection", TcpStream::connect(address)).await;
    let mut stream = stream.expect("the server accepts");
    let length = body.len();
    let request = format!(
        "{method} /dialogue/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\
         {headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    within("an answer", stream.read_to_end(&mut answer))
        .await
        .expect("a whole answer");
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

/// Somebody who watches the feed.
struct Viewer {
    lines: BufReader<TcpStream>,
    waiting: Vec<Value>,
}

impl Viewer {
    /// Opens the feed and waits until it is open.
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
        stream.write_all(request.as_bytes()).await.expect("it reads");
        Self {
            lines: BufReader::new(stream),
            waiting: Vec::new(),
        }
    }

    /// The next line; empty at the end of the connection, but for a line break where there is one.
    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = within("a line of the feed", self.lines.read_line(&mut line)).await;
        read.expect("a line");
        line
    }

    /// The next entry of this kind; earlier ones of others are passed over.
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

    /// The next rates of which this holds.
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
async fn there_is_no_inspector_unless_the_builder_says_so() {
    let server = TestServer::plain().await;
    for path in ["inspect", "inspect/inspector.js", "inspect/rooms", "inspect/feed"] {
        assert_eq!(ask(server.address(), path).await.status, 404, "{path}");
    }
    assert_eq!(ask(server.address(), "ready").await.status, 200);
}

#[tokio::test]
async fn the_guard_is_asked_before_every_route_with_what_the_request_presents() {
    let server = TestServer::with(|builder| {
        builder.inspector(|request: Handshake| async move {
            let known = request.cookie("session") == Some("staff") && request.query.as_deref() == Some("q=1");
            if known && request.peer.is_some_and(|peer| peer.ip().is_loopback()) {
                return Ok(());
            }
            Err(Refusal::new("for staff"))
        })
    })
    .await;
    let address = server.address();
    let cookie = "Cookie: session=staff\r\n";
    for path in [
        "inspect",
        "inspect/inspector.js",
        "inspect/rooms",
        "inspect/rooms/chat",
        "inspect/feed",
    ] {
        let refused = ask(address, &format!("{path}?q=1")).await;
        assert_eq!(refused.status, 403, "{path}");
        assert_eq!(refused.json()["message"], "for staff");
    }
    let event = json!({ "event": "message", "data": { "text": "hi" } });
    assert_eq!(trigger(address, "chat", event).await.status, 403);
    for path in ["inspect?q=1", "inspect/inspector.js?q=1", "inspect/rooms/chat?q=1"] {
        let answer = send(address, "GET", path, cookie, "").await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_guard_that_panics_fails_or_hangs_means_no() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let server = TestServer::with(|builder| {
        let limits = Limits {
            hook_deadline: Duration::from_millis(20),
            ..Limits::default()
        };
        builder.limits(limits).inspector(move |request: Handshake| {
            let gate = waiting.clone();
            async move {
                match request.query.as_deref() {
                    Some("panic") => panic!("in the guard"),
                    Some("error") => Err(std::io::Error::other("the database's password"))?,
                    _ => gate.pass().await,
                }
                Ok(())
            }
        })
    })
    .await;
    for fault in ["panic", "error", "hang"] {
        let answer = ask(server.address(), &format!("inspect?{fault}")).await;
        assert_eq!(answer.status, 403, "{fault}");
        assert!(!answer.body.contains("password"), "{}", answer.body);
    }
}

#[tokio::test]
async fn every_answer_keeps_what_it_shows_from_becoming_code() {
    let server = open().await;
    for path in ["inspect", "inspect/inspector.js", "inspect/rooms", "inspect/rooms/none"] {
        let headers = ask(server.address(), path).await.headers;
        for header in [
            "default-src 'none'; script-src 'self';",
            "frame-ancestors 'none'",
            "x-frame-options: deny",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(headers.contains(header), "{path}: {header} is not in {headers}");
        }
        assert!(
            !headers.contains("unsafe-inline") && !headers.contains("access-control"),
            "{headers}"
        );
    }
}

#[tokio::test]
async fn the_page_and_every_file_that_it_asks_for_are_served() {
    let server = open().await;
    let page = ask(server.address(), "inspect").await;
    assert!(page.headers.contains("content-type: text/html"), "{}", page.headers);
    let mut wanted = vec!["inspector.js".to_owned(), "inspector.css".to_owned()];
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
        "nothing is inline"
    );
    assert_eq!(ask(server.address(), "inspect/..%2fCargo.toml").await.status, 404);
}

#[tokio::test]
async fn a_page_of_another_site_can_neither_trigger_nor_read() {
    let server = with(|builder| builder.allow_origin("https://app.example")).await;
    let address = server.address();
    let mut ada = server.joined("ada", "chat").await;
    let path = "inspect/rooms/chat/trigger";
    let body = json!({ "event": "message", "data": { "text": "forged" } }).to_string();
    for headers in [
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        // It may connect as a client; that does not make it the server.
        "Origin: https://app.example\r\n",
    ] {
        let answer = send(address, "POST", path, &format!("{JSON}{headers}"), &body).await;
        assert_eq!(answer.status, 403, "{headers}");
        for path in ["inspect/rooms", "inspect/feed"] {
            assert_eq!(
                send(address, "GET", path, headers, "").await.status,
                403,
                "{path} {headers}"
            );
        }
    }
    for kind in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
    ] {
        let answer = send(address, "POST", path, kind, &body).await;
        assert_eq!(answer.status, 415, "{kind}");
    }
    ada.assert_nothing_came().await;
    let own = format!("{JSON}Origin: http://{address}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(send(address, "POST", path, &own, &body).await.status, 200);
    assert_eq!(ada.recv_type("event").await["data"]["text"], "forged");
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
        "nobody hears it, and it is shown"
    );

    server.create_room(Project { id: 7 }).await.expect("a room");
    let created = viewer.next("created").await;
    assert_eq!(
        (&created["roomId"], &created["name"]),
        (&json!("project-7"), &json!("Project discussion"))
    );
    ada.join("project-7").await;
    viewer.next("joined").await;
    assert!(server.delete_room(Project { id: 7 }).await);
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
async fn the_feed_tells_rates_each_second() {
    let server = open().await;
    let mut viewer = Viewer::watch(server.address()).await;
    let _ada = server.joined("ada", "chat").await;
    for _ in 0..3 {
        server.trigger(Chat, message("hi")).await.expect("it is sent");
    }
    // A second may end between two of them.
    let mut told = (0, 0, 0);
    while told.0 < 3 {
        let rates = viewer.rates(|rates| rates["events"] != 0).await;
        let count = |value: &Value| value.as_u64().expect("a count");
        told.0 += count(&rates["events"]);
        told.1 += count(&rates["deliveries"]);
        told.2 += count(&rates["rooms"]["chat"]);
        assert_eq!(rates["clients"], 1);
        assert_eq!(rates["roomCount"], server.rooms().len());
    }
    assert_eq!(told, (3, 3, 3));
    viewer.rates(|rates| rates["events"] == 0).await;
}

#[tokio::test]
async fn a_viewer_that_does_not_read_is_told_how_much_it_has_missed_and_holds_nobody_up() {
    let server = open().await;
    let mut viewer = Viewer::watch(server.address()).await;
    let events = 6_000;
    for number in 0..events {
        let text = format!("{number} {}", "x".repeat(900));
        server.trigger(Chat, message(&text)).await.expect("it is sent");
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
    assert_eq!(seen + dropped, events, "each is either shown or counted");
}

#[tokio::test]
async fn there_are_only_so_many_places_to_watch_from_and_they_are_given_back() {
    let server = open().await;
    let mut viewers = Vec::new();
    for _ in 0..16 {
        viewers.push(Viewer::watch(server.address()).await);
    }
    assert_eq!(ask(server.address(), "inspect/feed").await.status, 503);
    viewers.pop();
    within("a place", async {
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
async fn the_server_drains_at_once_with_a_viewer_watching() {
    let server = open().await;
    let mut viewer = Viewer::watch(server.address()).await;
    server.stop().await;
    let mut rest = String::new();
    within("the end of the feed", viewer.lines.read_to_string(&mut rest))
        .await
        .expect("it ends in order");
    assert!(rest.contains("event: end"), "{rest}");
}

#[tokio::test]
async fn a_viewer_that_never_reads_is_hung_up_on_and_holds_up_no_drain() {
    let log = CapturedLog::default();
    let dispatch = log.dispatch();
    let server = with(|builder| {
        builder.logger(dispatch).limits(Limits {
            write_deadline: Duration::from_millis(100),
            ..Limits::default()
        })
    })
    .await;
    let viewer = Viewer::watch(server.address()).await;
    let large = json!({ "event": "large", "data": "x".repeat(400 * 1024) });
    within("the end of patience", async {
        // The kernel takes in some megabytes for a reader that reads nothing.
        while !log.text().contains("hung up on") {
            let sent = trigger(server.address(), "open", large.clone()).await;
            assert_eq!(sent.status, 200, "{}", sent.body);
        }
    })
    .await;
    server.stop().await;
    drop(viewer);
}

#[tokio::test]
async fn rooms_are_found_by_id_and_name_a_page_at_a_time() {
    let server = open().await;
    for id in 0..250 {
        server.create_room(Project { id }).await.expect("a room");
    }
    let first = ask(server.address(), "inspect/rooms?filter=DISCUSSION").await.json();
    assert_eq!((&first["more"], &first["total"]), (&json!(true), &json!(250)));
    let page = first["rooms"].as_array().expect("rooms");
    assert_eq!(page.len(), 200);
    let last = page[199]["id"].as_str().expect("an id");
    let path = format!("inspect/rooms?filter=discussion&after={last}");
    let second = ask(server.address(), &path).await.json();
    assert_eq!(second["more"], false);
    let mut ids: Vec<_> = page
        .iter()
        .chain(second["rooms"].as_array().expect("rooms"))
        .map(|room| room["id"].to_string())
        .collect();
    assert!(ids.is_sorted(), "{ids:?}");
    ids.dedup();
    assert_eq!(ids.len(), 250);
    let found = ask(server.address(), "inspect/rooms?filter=boo").await.json();
    assert_eq!(
        found["rooms"],
        json!([{ "id": "booth", "name": "Booth", "size": 0, "maxSize": 2 }])
    );
}

#[tokio::test]
async fn a_room_is_told_with_its_members_and_the_schemas_of_its_events() {
    let server = open().await;
    let mut ada = server.connect_as("ada").await;
    ada.join_for("chat", &["typing"]).await;
    server.trigger(Chat, message("kept")).await.expect("it is sent");
    let room = ask(server.address(), "inspect/rooms/chat").await.json();
    assert_eq!(
        (&room["name"], &room["size"], &room["seq"], &room["open"]),
        (&json!("Chat"), &json!(1), &json!(1), &json!(false))
    );
    let member = json!({ "clientId": ada.connected["clientId"], "userId": "ada", "subscriptions": ["typing"] });
    assert_eq!(room["members"], json!([member]));
    let events = room["events"].as_array().expect("events");
    let by_name = |name: &str| events.iter().find(|event| event["name"] == name).expect("the event");
    let message = by_name("message");
    assert_eq!(
        (&message["clients"], &message["history"], &message["kept"]),
        (&json!(true), &json!(5), &json!(1))
    );
    assert_eq!(message["schema"]["properties"]["text"]["maxLength"], 1000);
    assert_eq!(by_name("user-joined")["clients"], false);
    assert_eq!(by_name("typing")["history"], Value::Null);
    let open = ask(server.address(), "inspect/rooms/open").await.json();
    assert_eq!(open["open"], true);
    assert!(
        open["events"].to_string().contains("user-joined"),
        "what the server knows by name: {open}"
    );
    assert_eq!(ask(server.address(), "inspect/rooms/none").await.status, 404);
}

#[tokio::test]
async fn history_is_read_newest_first_and_by_the_page() {
    let server = with(|builder| {
        builder.limits(Limits {
            history_page_events: 2,
            ..Limits::default()
        })
    })
    .await;
    for text in ["one", "two", "three"] {
        server.trigger(Chat, message(text)).await.expect("it is sent");
    }
    let texts = |page: &Value| -> Vec<String> {
        let events = page["events"].as_array().expect("events").iter();
        events
            .map(|event| event["data"]["text"].as_str().expect("a text").to_owned())
            .collect()
    };
    let first = ask(server.address(), "inspect/rooms/chat/history?event=message")
        .await
        .json();
    assert_eq!(
        (texts(&first), &first["more"]),
        (vec!["three".to_owned(), "two".to_owned()], &json!(true))
    );
    let second = ask(server.address(), "inspect/rooms/chat/history?event=message&before=2")
        .await
        .json();
    assert_eq!(
        (texts(&second), &second["more"]),
        (vec!["one".to_owned()], &json!(false))
    );
    let all = ask(server.address(), "inspect/rooms/chat/history").await.json();
    assert_eq!(texts(&all), ["three", "two"]);
}

#[tokio::test]
async fn an_event_is_triggered_as_the_server_or_in_a_users_name() {
    let server = open().await;
    let address = server.address();
    let mut ada = server.joined("ada", "chat").await;
    // Clients may not trigger this one.
    let sent = trigger(
        address,
        "chat",
        json!({ "event": "user-joined", "data": { "username": "grace", "other": 1 } }),
    )
    .await;
    assert_eq!(sent.json(), json!({ "recipients": 1, "seq": null }));
    let event = ada.recv_type("event").await;
    assert_eq!(event["from"], "system");
    assert_eq!(
        event["data"],
        json!({ "username": "grace" }),
        "in the shape that the type serialises"
    );
    let sent = trigger(
        address,
        "chat",
        json!({ "event": "message", "data": { "text": "hi" }, "from": "grace" }),
    )
    .await;
    assert_eq!(sent.json()["seq"], 1);
    assert_eq!(ada.recv_type("event").await["from"], "grace");
}

#[tokio::test]
async fn a_trigger_that_comes_to_nothing_says_why() {
    let server = with(|builder| {
        builder.before_each(|message, _| async move {
            if message.data["text"] == "spam" {
                return Err(Refusal::new("no spam"));
            }
            Ok(message)
        })
    })
    .await;
    let address = server.address();
    let mut ada = server.joined("ada", "chat").await;
    let invalid = trigger(address, "chat", json!({ "event": "message", "data": { "text": "" } })).await;
    assert_eq!(invalid.status, 422);
    let violation = &invalid.json()["violations"][0];
    assert_eq!(
        (&violation["path"], &violation["rule"]),
        (&json!("/text"), &json!("minLength"))
    );
    for (room, event, status, code) in [
        ("none", json!({ "event": "message", "data": {} }), 404, "ROOM_NOT_FOUND"),
        ("chat", json!({ "event": "other" }), 403, "EVENT_NOT_ALLOWED"),
        (
            "chat",
            json!({ "event": "message", "data": { "text": "spam" } }),
            403,
            "BLOCKED",
        ),
        ("chat", json!({ "data": {} }), 400, "INVALID_REQUEST"),
        (
            "chat",
            json!({ "event": "message", "data": {}, "as": 1 }),
            400,
            "INVALID_REQUEST",
        ),
    ] {
        let answer = trigger(address, room, event).await;
        assert_eq!(answer.status, status, "{code}: {}", answer.body);
        assert_eq!(answer.json()["code"], code);
    }
    let twice = r#"{"event":"message","data":{"text":"a","text":"b"}}"#;
    let answer = send(address, "POST", "inspect/rooms/chat/trigger", JSON, twice).await;
    assert_eq!(answer.status, 400);
    ada.assert_nothing_came().await;
}

#[tokio::test]
async fn a_typed_handler_hears_what_the_inspector_triggers() {
    let server = open().await;
    let mut events = Box::pin(server.events::<Message>(Chat));
    let sent = trigger(
        server.address(),
        "chat",
        json!({ "event": "message", "data": { "text": "hi" } }),
    )
    .await;
    assert_eq!(sent.status, 200);
    let next = futures_util::StreamExt::next(&mut events);
    let heard = within("the event", next).await.expect("a stream").expect("an event");
    assert_eq!(heard.data, message("hi"));
}

/// What happens there is told in `browser/inspector.test.js`. Needs Node, Chromium (`/usr/bin/chromium`, or the path in
/// `CHROMIUM`) and `npm ci` once in `tests/browser`.
#[test]
#[ignore = "needs Chromium and Node"]
fn the_page_is_used_in_a_browser() {
    let browser = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    assert!(
        browser.join("node_modules").is_dir(),
        "the packages of the browser test are not installed: run `npm ci` in tests/browser"
    );
    let status = std::process::Command::new("node")
        .args(["--test", "--test-reporter=spec", "inspector.test.js"])
        .current_dir(browser)
        .env("INSPECTED_EXECUTABLE", env!("CARGO_BIN_EXE_inspected"))
        .status()
        .expect("Node starts");
    assert!(
        status.success(),
        "the browser test failed; what Node printed says where"
    );
}
