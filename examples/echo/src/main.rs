//! Sends back each message that it receives, over the transport that Dialogue uses for its clients. It is for
//! conformance suites: `.ci/autobahn` runs one against it. Set `PORT` for another port than 9001.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// The longest message of the suite, in bytes.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = match std::env::var("PORT") {
        Ok(port) => port.parse().map_err(|_| "PORT must be a number from 0 to 65535")?,
        Err(_) => 9001,
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listening = TcpListener::bind(address).await;
    let listener = listening.map_err(|source| dialogue::Error::Bind { address, source })?;
    println!("The echo server runs at ws://{}", listener.local_addr()?);
    axum::serve(listener, dialogue::testing::echo_router(MESSAGE_BYTES)).await?;
    Ok(())
}
