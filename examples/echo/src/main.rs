//! Sends back each message that it receives, over the transport that Dialogue uses for its clients. It is for
//! conformance suites: `.ci/autobahn` runs one against it. Set `PORT` for another port than 9001.

use std::net::Ipv4Addr;

use tokio::net::TcpListener;

/// The longest message of the suite, in bytes.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = match std::env::var("PORT") {
        Ok(port) => port.parse()?,
        Err(_) => 9001,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("The echo server runs at ws://{}", listener.local_addr()?);
    axum::serve(listener, dialogue::testing::echo_router(MESSAGE_BYTES)).await?;
    Ok(())
}
