//! The chat in a terminal. With `cargo run -p chat` running: `cargo run -p chat-terminal -- Ada`. What is typed is said; Ctrl-C, or
//! the end of the input, says goodbye. A second argument names another server than `ws://127.0.0.1:3000`.

use std::error::Error;

use chat_terminal::talk;
use dialogue::DialogueClient;
use serde_json::json;
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments
        .next()
        .ok_or("who are you? `cargo run -p chat-terminal -- Ada`")?;
    let url = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:3000".to_owned());

    // The chat takes people at their word. A real server would be given a token here, by `auth_with`.
    let client = DialogueClient::connect(url).auth(json!({ "userId": name })).await?;
    tokio::select! {
        talked = talk(&client, typed(), |line| println!("{line}")) => talked?,
        signal = tokio::signal::ctrl_c() => signal?,
    }
    client.disconnect().await;
    Ok(())
}

/// The lines that are typed. They are read on a thread of their own, which ends with the program: nothing can interrupt it
/// while it waits for a terminal.
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
