//! The chat example with a store, for tests that kill the process: `chat.db` in the working directory. The chat itself
//! needs none, so its program shows none. The page, the rooms and what the page learns about people are those of the
//! example.

use std::net::Ipv4Addr;

use chat::{Rooms, UserJoined};
use dialogue::prelude::*;
use dialogue::sqlite::Sqlite;

#[path = "../../../examples/chat/src/page.rs"]
mod page;
#[path = "../../../examples/chat/src/people.rs"]
mod people;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT")?.parse()?;
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .on_connected(people::tell)
        .on_joined(|client, room, arrival| async move {
            people::tell_everyone(&room).await?;
            if arrival.user_is_new() {
                let username = client.user_id().to_string();
                room.trigger(UserJoined { username }).await?;
            }
            Ok(())
        })
        .on_left(|_, room, _| async move { people::tell_everyone(&room).await })
        .store(Sqlite::open("chat.db"))
        .build()?;
    let app = page::router().merge(dialogue.router());
    let address = dialogue.start_router((Ipv4Addr::LOCALHOST, port), app).await?;
    let stopped = dialogue.stop_on_signal();
    println!("http://{address}");
    stopped.await?;
    Ok(())
}
