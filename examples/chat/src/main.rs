//! A chat: pick a name, talk, create topics. Run `cargo run -p chat`, then open <http://127.0.0.1:3000>.
//!
//! The variable `PORT` sets another port than 3000: `PORT=3001 cargo run -p chat`. With 0, the system chooses a free one.

mod page;
mod people;

use std::net::Ipv4Addr;
use std::process::ExitCode;

use chat::{Rooms, UserJoined, UserLeft};
use dialogue::observe::LeaveReason;
use dialogue::prelude::*;
use dialogue::{Error, default_logger};

#[tokio::main]
async fn main() -> ExitCode {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let Ok(port) = port.parse() else {
        eprintln!("PORT must be a number from 0 to 65535, not `{port}`. For example: PORT=3001 cargo run -p chat");
        return ExitCode::FAILURE;
    };
    match serve(port).await {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Error::Bind { source, .. }) if source.kind() == std::io::ErrorKind::AddrInUse => eprintln!(
            "Port {port} is in use. Stop the program that uses it, or choose another port: PORT={} cargo run -p chat",
            if port == u16::MAX { 3000 } else { port + 1 }
        ),
        Err(error) => eprintln!("{error:?}"),
    }
    ExitCode::FAILURE
}

async fn serve(port: u16) -> Result<(), Error> {
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        // Prints what goes wrong, such as a connection that was refused and why.
        .logger(default_logger())
        // Trusts the name that a client gives: a client that says it is Ada is Ada. This is enough only for a demo
        // without accounts. A real application authenticates its users with `.authenticate(…)`.
        .trust_client_identity()
        .on_connected(people::tell)
        // A second tab, or a short loss of the connection, announces nobody.
        .on_joined(|client, room, arrival| async move {
            people::tell_everyone(&room).await?;
            if arrival.user_is_new() {
                let username = client.user_id().to_string();
                room.trigger(UserJoined { username }).await?;
            }
            Ok(())
        })
        .on_left(|client, room, left| async move {
            people::tell_everyone(&room).await?;
            // Nobody is left to tell in a room that was deleted.
            if left.user_is_gone() && left.reason != LeaveReason::RoomDeleted {
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
    stopped.await
}
