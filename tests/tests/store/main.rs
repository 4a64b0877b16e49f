//! A server with a store whose process, disk or machine fails.

mod client;
#[cfg(target_os = "linux")]
mod full_disk;
mod kill;
mod power_loss;
mod types;

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dialogue::DialogueClient;
use dialogue::client::{Joined, Page};
use dialogue_tests::{Chat, Message, texts, within};
use serde_json::json;

/// A server process on a file.
struct Server(Child);

impl Server {
    fn start(file: &Path, port: u16) -> Self {
        Self::start_as(Command::new(env!("CARGO_BIN_EXE_served")), file, port)
    }

    /// Starts a command that becomes the server.
    fn start_as(mut command: Command, file: &Path, port: u16) -> Self {
        let mut process = command
            .env("STORE", file)
            .env("PORT", port.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut address = String::new();
        let output = process.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut address).expect("an address");
        assert!(address.contains(&port.to_string()), "the server serves: {address:?}");
        Self(process)
    }

    /// Sends SIGKILL, which no program can handle.
    fn kill(&mut self) {
        self.0.kill().expect("a running process");
        self.0.wait().expect("it has ended");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody uses, for a server that starts again on it.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

async fn connect(port: u16, name: &str) -> DialogueClient {
    let client = DialogueClient::connect(format!("ws://127.0.0.1:{port}"))
        .auth(json!({ "userId": name }))
        .backoff(Duration::from_millis(20), Duration::from_millis(100));
    within("a connection", client.into_future())
        .await
        .expect("the server serves")
}

/// Pages back through everything. Returns the texts, the oldest first.
async fn everything(chat: &Joined<Chat>) -> Vec<String> {
    let mut newest_first = Vec::new();
    let mut next = Some(Page::newest(100));
    while let Some(page) = next {
        let page = within("a page", chat.history::<Message>(page).into_future())
            .await
            .expect("a page");
        next = page.next(100);
        newest_first.extend(texts(page.messages));
    }
    newest_first.reverse();
    newest_first
}
