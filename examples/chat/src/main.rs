//! A chat: pick a name, talk, create topics. Run `cargo run -p chat`, then open <http://127.0.0.1:3000>. Set `PORT` for
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
        // Trusts the name that a client gives: a client that says it is Ada is Ada. This is enough only for a demo
        // without accounts. A real application authenticates its users with `.authenticate(…)`.
        .trust_client_identity()
        // A second tab, or a short loss of the connection, announces nobody.
        .on_joined(|client, room, arrival| async move {
            if arrival.user_is_new() {
                let username = client.user_id().to_string();
                room.trigger(UserJoined { username }).await?;
            }
            Ok(())
        })
        .on_left(|client, room, left| async move {
            if left.user_is_gone() {
                let username = client.user_id().to_string();
                room.trigger(UserLeft { username }).await?;
            }
            Ok(())
        })
        .build()?;

    let app = page::router().merge(dialogue.router());
    let address = dialogue.start_router((Ipv4Addr::LOCALHOST, port), app).await?;
    // Listen for signals before printing the address: a program that reads the address may stop the chat at once.
    let stopped = dialogue.stop_on_signal();
    println!("The chat runs at http://{address}");
    stopped.await?;
    Ok(())
}
