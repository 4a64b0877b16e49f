//! A support desk. Run `cargo run -p desk`. Then open the two addresses that it prints: one for customers and one for
//! agents.
//!
//! The desk keeps everything in `desk.db`, in the working directory. Stop it in any way and start it again: the pages
//! reconnect, and nothing is missing.
//!
//! - `PORT` sets another port than 3000. With 0, the system chooses a free one.
//! - `DESK_SECRET` is the secret that signs tokens, at least 32 bytes. Without it, the desk makes one up and keeps it in
//!   `desk.secret`. Anybody who knows it can sign in as anybody else.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;

use desk::{Tokens, secret_in};
use dialogue::sqlite::Sqlite;
use dialogue::{BuildError, Error};

#[tokio::main]
async fn main() -> ExitCode {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let Ok(port) = port.parse() else {
        eprintln!("PORT must be a number from 0 to 65535, not `{port}`. For example: PORT=3001 cargo run -p desk");
        return ExitCode::FAILURE;
    };
    match serve(port).await {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Error::Bind { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => eprintln!(
            "Port {port} is in use. Stop the program that uses it, or choose another port: PORT={} cargo run -p desk",
            if port == u16::MAX { 3000 } else { port + 1 }
        ),
        // The error says what is wrong with the file, and what to do.
        Err(Error::Build(BuildError::Store(error))) => eprintln!("{error}"),
        Err(error) => eprintln!("{error:?}"),
    }
    ExitCode::FAILURE
}

async fn serve(port: u16) -> Result<(), Error> {
    let secret = match std::env::var("DESK_SECRET") {
        Ok(secret) => secret,
        Err(_) => secret_in(Path::new("desk.secret"))?,
    };
    if secret.len() < 32 {
        return Err(
            io::Error::other("the secret must have at least 32 bytes: set DESK_SECRET, or delete desk.secret").into(),
        );
    }
    let tokens = Tokens::new(secret.as_bytes());
    let dialogue = desk::server(Sqlite::open("desk.db"), &tokens).await?;
    let app = desk::router(&dialogue, tokens);
    let address = dialogue.start_router((Ipv4Addr::LOCALHOST, port), app).await?;
    // Listen for signals before printing the addresses: a program that reads them may stop the desk at once.
    let stopped = dialogue.stop_on_signal();
    println!("Customers: http://{address}/\nAgents:    http://{address}/agents");
    stopped.await
}
