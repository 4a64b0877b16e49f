//! The support desk (`examples/desk`) over real sockets: who may do what, and what survives a restart.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use desk::Tokens;
use dialogue::Dialogue;
use dialogue::sqlite::Sqlite;
use dialogue_tests::{Folder, TestClient, within};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A desk with its file.
struct Server {
    dialogue: Dialogue,
    address: SocketAddr,
}

impl Server {
    async fn start(file: &Path) -> Self {
        let tokens = Tokens::new(b"a secret of at least 32 bytes ......");
        let dialogue = desk::server(Sqlite::open(file), &tokens).await.expect("a server");
        let app = desk::router(&dialogue, tokens);
        let address = dialogue.start_router((Ipv4Addr::LOCALHOST, 0), app).await;
        let address = address.expect("a free port");
        Self { dialogue, address }
    }

    async fn stop(self) {
        within("the shutdown", self.dialogue.stop()).await.expect("in time");
    }

    /// The status and the body of the answer.
    async fn post(&self, path: &str, token: &str, body: Value) -> (u16, Value) {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let mut text = String::new();
        within("an HTTP response", async {
            let mut stream = TcpStream::connect(self.address).await.expect("the server accepts");
            stream.write_all(request.as_bytes()).await.expect("the server reads");
            stream.read_to_string(&mut text).await.expect("a response in UTF-8");
        })
        .await;
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (
            status.expect("a status"),
            serde_json::from_str(body).unwrap_or_default(),
        )
    }

    /// Opens a ticket and returns its number and the customer's token.
    async fn open(&self, name: &str) -> (u64, String) {
        let wanted = json!({ "org": "acme", "name": name, "subject": "Printer" });
        let (status, opened) = self.post("/tickets", "", wanted).await;
        assert_eq!(status, 200, "{opened}");
        (opened["ticket"].as_u64().expect("a number"), token_in(&opened))
    }

    async fn agent(&self, org: &str) -> String {
        let (status, signed_in) = self
            .post("/demo/agent", "", json!({ "org": org, "name": "Grace" }))
            .await;
        assert_eq!(status, 200, "{signed_in}");
        token_in(&signed_in)
    }

    async fn connect(&self, token: &str) -> TestClient {
        let mut client = TestClient::open(self.address).await;
        client.connect(json!({ "token": token })).await;
        client
    }
}

fn token_in(answer: &Value) -> String {
    answer["token"].as_str().expect("a token").to_owned()
}

fn room(ticket: u64) -> String {
    format!("ticket-acme-{ticket}")
}

fn line(ticket: u64, text: &str) -> Value {
    json!({ "type": "trigger", "roomId": room(ticket), "event": "line", "data": { "text": text } })
}

/// The texts of the lines in an answer; `null` for one that was erased.
fn texts(answer: &Value) -> Vec<Value> {
    let events = answer["events"].as_array().expect("events").iter();
    events
        .filter(|event| event["event"] == "line")
        .map(|event| event["data"]["text"].clone())
        .collect()
}

#[tokio::test]
async fn a_token_opens_its_own_ticket_only() {
    let folder = Folder::new("desk-guards");
    let server = Server::start(&folder.file()).await;
    let (first, adas) = server.open("Ada").await;
    let (second, _) = server.open("Linus").await;
    assert_eq!((first, second), (1, 2));

    let mut ada = server.connect(&adas).await;
    ada.join(&room(first)).await;
    for closed in [room(second), "desk-acme".to_owned(), "ticket-globex-1".to_owned()] {
        let join = json!({ "type": "join", "roomId": closed });
        assert_eq!(ada.refused(join).await, "JOIN_DENIED", "{closed}");
    }
    let mut elsewhere = server.connect(&server.agent("globex").await).await;
    let join = json!({ "type": "join", "roomId": room(first) });
    assert_eq!(elsewhere.refused(join).await, "JOIN_DENIED");

    for (path, body) in [
        ("/tickets/close", json!({ "ticket": 1 })),
        ("/tickets/erase", json!({ "ticket": 1, "seq": 1 })),
        ("/customers/erase", json!({ "user": "acme/customer/1" })),
    ] {
        assert_eq!(server.post(path, &adas, body.clone()).await.0, 403, "{path}");
        assert_eq!(server.post(path, "", body).await.0, 401, "{path}");
    }
    let globex = server.agent("globex").await;
    let theirs = json!({ "user": "acme/customer/1" });
    assert_eq!(server.post("/customers/erase", &globex, theirs).await.0, 403);
    server.stop().await;
}

#[tokio::test]
async fn a_ticket_that_cannot_be_opened_is_explained() {
    let folder = Folder::new("desk-mistakes");
    let server = Server::start(&folder.file()).await;
    for (org, name, expected) in [("initech", "Ada", 404), ("acme", "", 422)] {
        let wanted = json!({ "org": org, "name": name, "subject": "Printer" });
        let (status, answer) = server.post("/tickets", "", wanted).await;
        assert_eq!(status, expected);
        assert!(answer["message"].is_string(), "{answer}");
    }
    let mut status = 0;
    for _ in 0..20 {
        let wanted = json!({ "org": "acme", "name": "Ada", "subject": "Printer" });
        status = server.post("/tickets", "", wanted).await.0;
    }
    assert_eq!(status, 429, "an address can open a few tickets in a minute");
    server.stop().await;
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let folder = Folder::new("desk-restart");
    let server = Server::start(&folder.file()).await;
    let (ticket, adas) = server.open("Ada").await;
    let graces = server.agent("acme").await;
    let mut ada = server.connect(&adas).await;
    let before = ada.join(&room(ticket)).await;
    for text in ["Hello?", "Anybody?"] {
        assert_eq!(ada.request(line(ticket, text)).await["type"], "ok");
    }
    server.stop().await;

    let server = Server::start(&folder.file()).await;
    let mut ada = server.connect(&adas).await;
    let since = json!({ "epoch": before["epoch"], "seq": 1 });
    let again = ada
        .request(json!({ "type": "join", "roomId": room(ticket), "since": since }))
        .await;
    assert_eq!(again["recovered"], true, "{again}");
    assert_eq!(again["epoch"], before["epoch"]);
    assert_eq!(texts(&again), ["Anybody?"]);

    let (next, _) = server.open("Linus").await;
    assert_eq!(next, ticket + 1);
    let mut grace = server.connect(&graces).await;
    let desk = grace.join("desk-acme").await;
    let entries = desk["events"].as_array().expect("entries").iter();
    let names: Vec<_> = entries.map(|entry| &entry["data"]["name"]).collect();
    assert_eq!(names, ["Ada", "Linus"]);
    server.stop().await;
}

#[tokio::test]
async fn an_agent_closes_a_ticket_and_erases_what_was_written() {
    let folder = Folder::new("desk-erase");
    let server = Server::start(&folder.file()).await;
    let (ticket, adas) = server.open("Ada").await;
    let graces = server.agent("acme").await;
    let mut ada = server.connect(&adas).await;
    ada.join(&room(ticket)).await;
    for text in ["My password is 1234.", "Hello?"] {
        assert_eq!(ada.request(line(ticket, text)).await["type"], "ok");
    }

    let erased = json!({ "ticket": ticket, "seq": 1 });
    assert_eq!(server.post("/tickets/erase", &graces, erased).await.0, 204);
    let nothing = json!({ "ticket": ticket, "seq": 99 });
    assert_eq!(server.post("/tickets/erase", &graces, nothing).await.0, 404);
    let page = json!({ "type": "history", "roomId": room(ticket), "event": "line" });
    let page = ada.request(page).await;
    assert_eq!(texts(&page), [json!("Hello?"), Value::Null]);

    let closed = json!({ "ticket": ticket });
    assert_eq!(server.post("/tickets/close", &graces, closed).await.0, 204);
    assert_eq!(ada.refused(line(ticket, "One more thing")).await, "PERMISSION_DENIED");

    let mut grace = server.connect(&graces).await;
    let desk = grace.join("desk-acme").await;
    let entries = desk["events"].as_array().expect("entries");
    assert_eq!(entries[1]["data"], json!({ "kind": "closed", "ticket": ticket }));
    let customer = json!({ "user": entries[0]["from"] });
    let (status, answer) = server.post("/customers/erase", &graces, customer).await;
    assert_eq!((status, &answer["erased"]), (200, &json!(2)), "a line and the entry");
    server.stop().await;
}

#[tokio::test]
async fn an_agent_closes_a_ticket_that_nobody_is_in_and_erases_what_was_written() {
    let folder = Folder::new("desk-absent");
    let server = Server::start(&folder.file()).await;
    let (ticket, adas) = server.open("Ada").await;
    let (silent, linuss) = server.open("Linus").await;
    let graces = server.agent("acme").await;
    let mut ada = server.connect(&adas).await;
    ada.join(&room(ticket)).await;
    assert_eq!(ada.request(line(ticket, "My password is 1234.")).await["type"], "ok");
    server.stop().await;

    let server = Server::start(&folder.file()).await;
    let erased = json!({ "ticket": ticket, "seq": 1 });
    assert_eq!(server.post("/tickets/erase", &graces, erased).await.0, 204);
    for closed in [ticket, silent] {
        let closed = json!({ "ticket": closed });
        assert_eq!(server.post("/tickets/close", &graces, closed).await.0, 204);
    }
    server.stop().await;

    let server = Server::start(&folder.file()).await;
    for (token, ticket) in [(adas, ticket), (linuss, silent)] {
        let mut customer = server.connect(&token).await;
        customer.join(&room(ticket)).await;
        assert_eq!(
            customer.refused(line(ticket, "One more thing")).await,
            "PERMISSION_DENIED"
        );
    }
    server.stop().await;
}
