//! The chat in a terminal. Start the server with `cargo run -p chat`, then run `cargo run -p chat-terminal -- Ada`.
//! Each line that you type is sent. Ctrl-C or the end of the input leaves the chat. A second argument is the address of
//! the server; the default is `ws://127.0.0.1:3000`.

use std::process::ExitCode;

use chat_terminal::{talk, with_causes};
use dialogue::client::ClientError;
use dialogue::{DialogueClient, Error};
use serde_json::json;
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        eprintln!("No name given: run `cargo run -p chat-terminal -- Ada`");
        return ExitCode::FAILURE;
    };
    let url = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:3000".to_owned());
    let Err(error) = chat(&url, &name).await else {
        return ExitCode::SUCCESS;
    };
    let remedy = match error {
        Error::Client(ClientError::Connect { .. }) => {
            format!(". Is the chat running at {url}? `cargo run -p chat` starts it")
        }
        _ => String::new(),
    };
    eprintln!("{}{remedy}", with_causes(&error));
    ExitCode::FAILURE
}

async fn chat(url: &str, name: &str) -> Result<(), Error> {
    // The chat trusts this name. For a real server, pass a token with `auth_with`.
    let client = DialogueClient::connect(url).auth(json!({ "userId": name })).await?;
    tokio::select! {
        talked = talk(&client, typed(), |line| println!("{line}")) => talked?,
        signal = tokio::signal::ctrl_c() => signal?,
    }
    client.disconnect().await;
    Ok(())
}

/// The lines that the user types. A separate thread reads them and ends with the program, because nothing can interrupt
/// it while it waits for a terminal.
fn typed() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
