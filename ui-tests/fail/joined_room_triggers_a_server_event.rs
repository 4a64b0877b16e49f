use dialogue::prelude::*;
use dialogue::DialogueClient;
use dialogue::client::ClientError;
use dialogue_ui_tests::{Message, Typing, UserJoined};

rooms! {
    Rooms;
    Chat = "chat" { events: [Message, Typing], server_events: [UserJoined] }
}

async fn chat() -> Result<(), ClientError> {
    let client = DialogueClient::connect("ws://127.0.0.1:3000").await?;
    let chat = client.join(Chat).await?;
    chat.trigger(Message { text: "hello".into() }).await?;
    chat.trigger(UserJoined { username: "ada".into() }).await?;
    Ok(())
}

fn main() {
    let _ = chat();
}
