//! A chat: pick a name, talk, create topics. `cargo run -p chat`, then open <http://127.0.0.1:3000>; `PORT` names
//! another port.

mod page;

use std::net::Ipv4Addr;

use chat::{Rooms, UserJoined, UserLeft};
use dialogue::prelude::*;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = match std::env::var("PORT") {
        Ok(port) => port.parse()?,
        Err(_) => 3000,
    };
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        // Takes people at their word: whoever says that they are Ada, is. That makes a demo that needs no accounts, and
        // nothing else: a real application proves who is there with `.authenticate(…)`.
        .trust_client_identity()
        .on_joined(|client, room| async move {
            let username = client.user_id().to_string();
            room.trigger(UserJoined { username }).await
        })
        .on_left(|client, room| async move {
            let username = client.user_id().to_string();
            room.trigger(UserLeft { username }).await
        })
        .build()?;

    let app = page::router().merge(dialogue.router());
    let address = dialogue.start_router((Ipv4Addr::LOCALHOST, port), app).await?;
    // Signals are listened for before anybody is told of the address: whoever reads it may stop the chat at once.
    let stopped = dialogue.stop_on_signal();
    println!("The chat is on http://{address}");
    stopped.await?;
    Ok(())
}
