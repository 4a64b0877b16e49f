//! Attacks on a whole process: thousands of sockets, exhausted file descriptors, signals while every queue is full.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use dialogue_tests::raw::{FIN, TEXT, masked};
use dialogue_tests::{RawClient, TestClient, TestServer, until, within};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server in a separate process.
struct Served {
    process: Child,
    address: SocketAddr,
}

impl Served {
    /// Starts it with these environment variables and this limit on file descriptors.
    fn start(variables: &[(&str, &str)], descriptors: usize) -> Self {
        let mut process = Command::new("sh")
            .args([
                "-c",
                &format!("ulimit -n {descriptors}; exec \"$0\""),
                env!("CARGO_BIN_EXE_served"),
            ])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let mut address = String::new();
        let output = process.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut address).expect("an address");
        let address = address.trim().parse().expect("an address");
        Self { process, address }
    }

    fn signal(&self) {
        let pid = self.process.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status();
        assert!(sent.expect("a shell starts").success(), "the process has already ended");
    }

    /// The resident memory of the process, in KiB.
    fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("a running process");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("a line with its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id()))
            .expect("a running process")
            .count()
    }

    /// Waits until the process has ended.
    async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the end of the process", || {
            status = self.process.try_wait().expect("the process's status is readable");
            status.is_some()
        })
        .await;
        status.expect("an exit status")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn tcp(address: SocketAddr) -> TcpStream {
    within("a TCP connection", TcpStream::connect(address))
        .await
        .expect("the server accepts")
}

/// Reads until the connection ends, however it ends.
async fn drained(mut socket: TcpStream) {
    within("the end of a connection", socket.read_to_end(&mut Vec::new()))
        .await
        .ok();
}

const UPGRADE: &str = "GET /dialogue/ws HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_connect_deadline_ends_a_thousand_unfinished_handshakes_while_the_server_serves_other_clients() {
    let server = Served::start(&[("CONNECT_DEADLINE", "3000")], 4096);
    let idle = server.descriptors();
    let started = Instant::now();
    let mut half_open = Vec::new();
    for number in 0..1_000 {
        let mut socket = tcp(server.address).await;
        // Send nothing, a part of the headers, or an upgrade without `connect`.
        let part = [0, 30, UPGRADE.len()][number % 3];
        socket
            .write_all(&UPGRADE.as_bytes()[..part])
            .await
            .expect("the server reads");
        half_open.push(socket);
    }
    let mut ada = TestClient::connect_as(server.address, "ada").await;
    ada.join("chat").await;
    assert_eq!(ada.say("chat", "hi").await["type"], "ok");
    // Sending the headers byte by byte gains no time.
    let mut dripping = tcp(server.address).await;
    let drip = async {
        for byte in UPGRADE.as_bytes().chunks(1).cycle() {
            if dripping.write_all(byte).await.is_err() {
                break;
            }
            assert_eq!(ada.say("chat", "hi").await["type"], "ok");
            // This is the attacker's pace; the test is not waiting for anything.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let finished = UPGRADE.len() as u64 * 100;
    assert!(
        finished > 10_000,
        "the deadline must pass before the headers are complete"
    );
    within("the end of the dripping connection", drip).await;
    for socket in half_open {
        drained(socket).await;
    }
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    until("the release of the file descriptors", || {
        server.descriptors() <= idle + 1
    })
    .await;
    assert_eq!(ada.say("chat", "still here").await["type"], "ok");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_file_descriptors_connected_clients_stay_and_others_connect_later() {
    let server = Served::start(&[], 40);
    let mut ada = TestClient::connect_as(server.address, "ada").await;
    ada.join("chat").await;
    // The kernel accepts these connections; the process cannot accept all of them.
    let mut crowd = Vec::new();
    for _ in 0..60 {
        crowd.push(tcp(server.address).await);
    }
    until("the process to run out of file descriptors", || {
        server.descriptors() >= 40
    })
    .await;
    assert_eq!(ada.say("chat", "nobody else gets in").await["type"], "ok");
    drop(crowd);
    let mut bob = TestClient::connect_as(server.address, "bob").await;
    bob.join("chat").await;
    assert_eq!(bob.say("chat", "in at last").await["type"], "ok");
    assert_eq!(ada.recv().await["data"]["text"], "nobody else gets in");
    assert_eq!(ada.recv().await["data"]["text"], "in at last");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn connections_that_come_and_go_leak_no_memory_and_no_file_descriptor() {
    let mut server = Served::start(&[], 1024);
    let idle = server.descriptors();
    let visit = async |number: usize| {
        let mut client = RawClient::open(server.address).await;
        let frames = [
            json!({ "type": "connect", "protocol": 1, "auth": { "userId": format!("user-{number}") } }),
            json!({ "type": "join", "roomId": "chat" }),
            json!({ "type": "join", "roomId": "lobby-here" }),
            json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": "hi" }, "id": 1 }),
        ];
        let bytes: Vec<u8> = frames
            .iter()
            .flat_map(|frame| masked(FIN | TEXT, frame.to_string().as_bytes()))
            .collect();
        client.write(&bytes).await;
        loop {
            let frame = client.recv().await.expect("an answer");
            if frame.payload.starts_with(br#"{"type":"ok","id":1"#) {
                break;
            }
        }
        // Hang up, every other time with a close frame.
        if number.is_multiple_of(2) {
            client.send(FIN | 0x8, &1000u16.to_be_bytes()).await;
        }
    };
    // One-time allocations and the memory for resumable sessions exist after the first thousands of connections.
    for number in 0..2_500 {
        visit(number).await;
    }
    let before = server.resident();
    for number in 2_500..5_000 {
        visit(number).await;
    }
    until("the release of the file descriptors", || server.descriptors() <= idle).await;
    // The server keeps each connection's resume secret for two minutes, under 1 KiB each.
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 2_500, "2,500 connections left {grown} KiB behind");
    server.signal();
    assert!(server.ended().await.success(), "a task did not finish");
}

/// A server with a client that reads nothing while megabytes are queued for it.
async fn with_a_full_queue() -> (Served, TestClient, RawClient) {
    let server = Served::start(&[("WRITE_DEADLINE", "600000")], 1024);
    let mut stalled = RawClient::connected(server.address).await;
    let join = json!({ "type": "join", "roomId": "open", "id": 1 });
    stalled.send(FIN | TEXT, join.to_string().as_bytes()).await;
    stalled.recv().await.expect("joined");
    let mut ada = TestClient::connect_as(server.address, "ada").await;
    ada.join_for("open", &[]).await;
    let data = "x".repeat(60_000);
    for _ in 0..150 {
        let trigger = json!({ "type": "trigger", "roomId": "open", "event": "big", "data": data });
        assert_eq!(ada.request(trigger).await["type"], "ok");
    }
    (server, ada, stalled)
}

#[tokio::test]
async fn sigterm_with_full_queues_flushes_them_to_clients_that_read_and_the_process_ends() {
    let (mut server, mut ada, mut stalled) = with_a_full_queue().await;
    server.signal();
    assert_eq!(ada.expect_close().await, 1012);
    let mut big = 0;
    let code = loop {
        let frame = stalled.recv().await.expect("a close after the events");
        match frame.opcode {
            0x8 => break u16::from_be_bytes([frame.payload[0], frame.payload[1]]),
            _ => big += usize::from(frame.payload.len() > 60_000),
        }
    };
    assert_eq!((big, code), (150, 1012));
    assert!(server.ended().await.success());
}

#[tokio::test]
async fn a_second_sigterm_ends_a_process_whose_queues_no_client_empties() {
    let (mut server, mut ada, stalled) = with_a_full_queue().await;
    server.signal();
    assert_eq!(ada.expect_close().await, 1012);
    assert!(
        server.process.try_wait().expect("its status").is_none(),
        "the queue is still full"
    );
    let started = Instant::now();
    server.signal();
    server.ended().await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop(stalled);
}

#[tokio::test]
async fn a_flood_of_commands_is_throttled_then_closed_with_4503_and_does_not_affect_other_clients() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let mut flooder = RawClient::connected(server.address()).await;
    let join = masked(FIN | TEXT, br#"{"type":"join","roomId":"chat"}"#);
    let say = br#"{"type":"trigger","roomId":"chat","event":"message","data":{"text":"spam"}}"#;
    let flood = [join, masked(FIN | TEXT, say).repeat(1_000)].concat();
    let mut limited = 0;
    flooder.write(&flood).await;
    let code = loop {
        let frame = flooder.recv().await.expect("a close");
        if frame.opcode == 0x8 {
            break u16::from_be_bytes([frame.payload[0], frame.payload[1]]);
        }
        let text = String::from_utf8(frame.payload).expect("JSON");
        limited += usize::from(text.contains("RATE_LIMITED") && text.contains("retryAfter"));
    };
    assert_eq!(code, 4503);
    // The server drops the frames that are still queued at the end, so the client does not see every refusal.
    assert!(limited <= 200, "{limited}");
    assert_eq!(ada.say("chat", "hi").await["type"], "ok");
    let mut spam = 0;
    while ada.recv().await["data"]["text"] == "spam" {
        spam += 1;
    }
    assert_eq!(spam, 198, "`connect` and `join` use two of the 200 frames");
}

#[tokio::test]
async fn a_user_cannot_create_ten_thousand_rooms_and_declared_ids_stay_reserved_for_the_server() {
    let server =
        TestServer::with(|builder| builder.limits(dialogue::Limits::default().with_inbound_frames(usize::MAX))).await;
    let rooms = server.here().rooms().len();
    let mut ada = server.connect_as("ada").await;
    for taken in ["chat", "booth", "open"] {
        let create = json!({ "type": "createRoom", "room": { "id": taken } });
        assert_eq!(ada.refused(create).await, "ROOM_EXISTS");
    }
    let create = json!({ "type": "createRoom", "room": { "id": "project-7" } });
    assert_eq!(ada.refused(create).await, "PERMISSION_DENIED");
    let mut created = 0;
    for number in 0..10_000 {
        let create = json!({ "type": "createRoom", "room": { "id": format!("table-{number}") } });
        match ada.request(create).await {
            reply if reply["type"] == "roomCreated" => created += 1,
            reply => assert_eq!(reply["code"], "LIMIT_EXCEEDED", "{reply}"),
        }
    }
    assert_eq!((created, server.here().rooms().len()), (2, rooms + 2));
    let project = server.create_room(dialogue_tests::Project { id: 7 }).await;
    assert_eq!(
        project.expect("only the server may use the id").id().as_str(),
        "project-7"
    );
}
